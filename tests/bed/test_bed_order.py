"""In which order the tests of the bed come among all others."""

from __future__ import annotations

import pytest

from cloudclusters.testing.bed.plugin import bed_first, is_of_bed


def test_tests_of_the_bed_come_first_in_their_order(request: pytest.FixtureRequest) -> None:
    """Whatever order was chosen: what pytest does not run itself must not stand between two tests that it runs."""
    items = list(reversed(request.session.items))

    ordered = bed_first(items)

    marks = [is_of_bed(item) for item in ordered]
    assert marks == sorted(marks, reverse=True)
    for kind in (True, False):
        assert [i for i in ordered if is_of_bed(i) is kind] == [i for i in items if is_of_bed(i) is kind]
