"""docs/conformance.md says of every statement how it is proven, and says the truth."""

from tests.support.conformance_table import TABLE, proofs, rows, with_tests

LAST = 138


def test_the_table_lists_every_statement_once_and_in_order() -> None:
    assert [row.number for row in rows(TABLE.read_text("utf-8"))] == [
        f"C{number:03d}" for number in range(1, LAST + 1)
    ]


def test_every_statement_has_a_test_or_the_reason_why_not() -> None:
    bare = [
        row.number for row in rows(TABLE.read_text("utf-8")) if row.proven_by == "-" and row.remark == "-"
    ]
    assert bare == []


def test_the_column_of_tests_is_what_the_tests_say() -> None:
    """When this fails: python tests/support/conformance_table.py"""
    text = TABLE.read_text("utf-8")
    assert with_tests(text, proofs()) == text


def test_no_test_names_a_statement_that_does_not_exist() -> None:
    assert max(proofs()) <= f"C{LAST:03d}"
