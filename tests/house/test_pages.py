"""What finds links and examples in a page, held to a page whose links and examples are known."""

from __future__ import annotations

from tests.house.pages import Example, find_examples, find_links

PAGE = """
See [one](a.md), [two](b/c.md#part), [out](https://example.org), [here](#below), `[no](code.md)`.

```python
print("hello")
```

It prints:

```text
not taken: words stand between
```

```python
print("again")
```
```text
again
```

<!-- not run: it needs a relay -->
```python
raise SystemExit(1)
```

```sh
[no](shell.md)
```
"""


def test_links_to_files_are_found_and_others_are_left() -> None:
    assert find_links(PAGE) == ["a.md", "b/c.md#part"]


def test_examples_are_found_with_what_they_print() -> None:
    assert find_examples(PAGE) == [
        Example('print("hello")\n', None),
        Example('print("again")\n', "again\n"),
    ]


def test_an_excuse_without_a_reason_is_none() -> None:
    assert find_examples("<!-- not run:  -->\n```python\nx\n```\n") == [Example("x\n", None)]
