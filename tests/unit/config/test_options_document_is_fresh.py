"""``docs/options.md`` is what the schema says."""

import json
from pathlib import Path

from cordboard.config.assemble import FIELDS, OPTIONS
from cordboard.config.document import describe_all, markdown
from cordboard.config.options import SCHEMA

DOCS = Path(__file__).parents[3] / "docs"


def test_the_document_is_as_generated() -> None:
    assert (DOCS / "options.md").read_text() == markdown(), (
        "docs/options.md is stale: cordboard config options --markdown"
    )


def test_every_option_of_every_level_is_described_for_people_and_programs() -> None:
    facts = describe_all()
    assert len(facts) == sum(len(level.schema) for level in SCHEMA)
    assert all(fact["meaning"] and fact["allowed"] and fact["source"] for fact in facts)
    assert json.loads(json.dumps(facts)) == facts


def test_fields_and_options_of_an_object_do_not_share_names() -> None:
    for kind, fields in FIELDS.items():
        if kind in OPTIONS:
            assert not {field.name for field in fields} & set(OPTIONS[kind].schema)
