"""docs/treatments: a page for each treatment, with a picture of the way its sound goes, that knows each parameter."""

import re
from pathlib import Path

from cordboard.model.enums import TreatmentType
from cordboard.switch.flows.treatments import plans

PAGES = sorted((Path(__file__).parents[2] / "docs" / "treatments").glob("*.md"))


def test_every_treatment_is_in_the_title_of_one():
    titles = [page.read_text().partition("\n")[0] for page in PAGES]
    told = [int(number) for title in titles for number in re.findall(r"\((\d+)\)", title)]
    assert sorted(told) == sorted(kind.value for kind in TreatmentType if kind.value)


def test_every_page_has_a_picture_and_names_what_may_be_asked():
    for page in PAGES:
        assert "```\n" in page.read_text(), page
    told = "".join(page.read_text() for page in PAGES)
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', Path(plans.__file__).read_text()))
    assert read
    assert {name for name in read if f"`{name}`" not in told} == set()
