BEGIN TRANSACTION;
CREATE TABLE call_record (
	id INTEGER NOT NULL, 
	conn_id VARCHAR(16) NOT NULL, 
	call_uuid VARCHAR(32) NOT NULL, 
	call_type SMALLINT NOT NULL, 
	caller VARCHAR(255) NOT NULL, 
	callee VARCHAR(255) NOT NULL, 
	requested BOOLEAN NOT NULL, 
	caller_call_id TEXT NOT NULL, 
	callee_call_id TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	ringing_at FLOAT, 
	answered_at FLOAT, 
	ended_at FLOAT NOT NULL, 
	outcome VARCHAR(32) NOT NULL, 
	status SMALLINT NOT NULL, 
	released_by VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "call_record" VALUES(1,'006a02e8c1b5f001','0f1e2d3c4b5a69788796a5b4c3d2e1f0',1,'1501','1502',0,'a1@192.0.2.1','b1@192.0.2.9',1790000000.25,1790000000.5,1790000004.0,1790000064.75,'answered',200,'callee','BYE');
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
INSERT INTO "config_version" VALUES('0003');
CREATE TABLE dn_features (
	number VARCHAR(128) NOT NULL, 
	dnd BOOLEAN NOT NULL, 
	always VARCHAR(64) NOT NULL, 
	busy VARCHAR(64) NOT NULL, 
	no_answer VARCHAR(64) NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "dn_features" VALUES('1502',1,'','1501','',1790000000.0);
CREATE INDEX call_record_ended_at ON call_record (ended_at);
CREATE INDEX call_record_conn_id ON call_record (conn_id);
COMMIT;
