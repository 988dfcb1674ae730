import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "app" / "web"
SCRIPTS = sorted(WEB.glob("*.js"))
HANGUL = re.compile("[가-힣]")


class Page(HTMLParser):
    """What a content security policy without "unsafe-inline" cares about, and the ids that scripts look up."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.assets: list[str] = []
        self.feed((WEB / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if name := attributes.get("id"):
            self.ids.append(name)
        self.inline += [f"<{tag} {name}>" for name in attributes if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not attributes.get("src")):
            self.inline.append(f"<{tag}>")
        links = (attributes.get("src"), attributes.get("href"))
        self.assets += [link for link in links if link and link.startswith("/web/")]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page()


def imports(script: Path) -> list[str]:
    return re.findall(r'from "(/web/[^"]+)"', script.read_text(encoding="utf-8"))


def test_the_page_has_no_inline_script_or_style(page: Page) -> None:
    assert page.inline == [], "the content security policy would silently drop it"


def test_every_asset_exists(page: Page) -> None:
    wanted = {*page.assets, *(module for script in SCRIPTS for module in imports(script))}
    assert {link for link in wanted if not (WEB / link.removeprefix("/web/")).is_file()} == set()


def test_no_script_is_left_over(page: Page) -> None:
    used = {*page.assets, *(module for script in SCRIPTS for module in imports(script))}
    assert {f"/web/{script.name}" for script in SCRIPTS} <= used


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_element_that_a_script_looks_up_exists(script: Path, page: Page) -> None:
    looked_up = re.findall(r'\$\("([^"]+)"\)', script.read_text(encoding="utf-8"))
    assert set(looked_up) <= set(page.ids)


def test_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_texts_from_outside_never_become_markup(script: Path) -> None:
    markup = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", script.read_text(encoding="utf-8"))
    assert markup == [], "a model's answer could bring a script along"


@pytest.mark.parametrize("path", sorted(WEB.iterdir()), ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"')]*", path.read_text(encoding="utf-8"))
    assert [address for address in addresses if address != "http://www.w3.org/2000/svg"] == []


def test_the_page_says_that_it_is_korean_and_may_be_zoomed() -> None:
    html = (WEB / "index.html").read_text(encoding="utf-8")
    assert '<html lang="ko">' in html, "a screen reader would read it with an English voice"
    assert "user-scalable" not in html
    assert "maximum-scale" not in html


def test_every_text_that_people_see_is_korean() -> None:
    texts = (WEB / "texts.js").read_text(encoding="utf-8")
    sentences = [found for found in re.findall(r'"([^"\n]+)"|`([^`\n]+)`', texts) for found in found if " " in found]
    assert len(sentences) > 30
    assert [sentence for sentence in sentences if not HANGUL.search(sentence)] == []


def test_every_kind_of_failure_has_words() -> None:
    texts = (WEB / "texts.js").read_text(encoding="utf-8")
    block = re.search(r"^export const failures = \{\n(.*?)^\};", texts, re.MULTILINE | re.DOTALL)
    assert block
    worded = set(re.findall(r"^  (\w+): \{$", block[1], re.MULTILINE))
    scripts = "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    used = set(re.findall(r'(?:new Failure|fail)\("(\w+)"', scripts))
    used |= {
        kind for kinds in re.findall(r"const kinds = \{(.*?)\}", scripts) for kind in re.findall(r'"(\w+)"', kinds)
    }
    assert {"expired", "timedOut", "tooMany", "unreachable"} <= used, "this test no longer finds the kinds"
    assert used <= worded, "the page would show an empty view"
