BEGIN TRANSACTION;
CREATE TABLE config_history (
	revision BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	author VARCHAR(128) NOT NULL, 
	change VARCHAR(16) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	keys TEXT NOT NULL, 
	PRIMARY KEY (revision, position)
);
INSERT INTO "config_history" VALUES(7,0,'2026-05-01T10:00:00+00:00','anna','changed','dn','1501','max-calls');
CREATE TABLE config_object (
	kind VARCHAR(32) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	PRIMARY KEY (kind, name)
);
INSERT INTO "config_object" VALUES('switch','');
INSERT INTO "config_object" VALUES('dn','1501');
INSERT INTO "config_object" VALUES('dn','1502');
INSERT INTO "config_object" VALUES('person','anna');
CREATE TABLE config_revision (
	id INTEGER NOT NULL CHECK (id = 1), 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "config_revision" VALUES(1,7);
CREATE TABLE config_value (
	kind VARCHAR(32) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (kind, name, "key"), 
	FOREIGN KEY(kind, name) REFERENCES config_object (kind, name) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "config_value" VALUES('switch','','realm','a.example');
INSERT INTO "config_value" VALUES('dn','1501','display-name','Ann Lee');
INSERT INTO "config_value" VALUES('dn','1501','max-calls','3');
INSERT INTO "config_value" VALUES('dn','1502','contact','sip:1502@192.0.2.2');
INSERT INTO "config_value" VALUES('person','anna','role','administrator');
CREATE TABLE config_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT config_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "config_version" VALUES('0001');
COMMIT;
