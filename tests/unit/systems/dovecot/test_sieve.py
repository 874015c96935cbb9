# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.systems.dovecot.sieve import MAX_SCRIPT, UNREADABLE, summarise


@pytest.mark.parametrize(
    ("script", "sentence", "forwards"),
    [
        ("", "only keeps mail", False),
        ("keep; stop;", "only keeps mail", False),
        ('redirect "x@y.test";', "forwards to x@y.test", True),
        ('REDIRECT "x@y.test";', "forwards to x@y.test", True),
        (
            'require ["copy"]; redirect :copy "x@y.test";',
            "forwards to x@y.test, keeping a copy",
            True,
        ),
        ("discard;", "throws mail away (discard)", False),
        ('fileinto :create "Old";', "files into Old", False),
        ('vacation :days 7 :addresses ["a@b.test"] "gone";', "answers mail by itself", False),
        ('reject text:\r\nno ; redirect "x"\r\n.\r\n;', "sends mail back (reject)", False),
        ('notify "mailto:x@y.test";', "notifies mailto:x@y.test", True),
        ('notify :method "mailto" :options ["x@y.test"];', "notifies x@y.test", True),
        ('pipe :try "spam" ["-x"];', "pipes mail to the program", True),
        ('execute "prog";', "runs the program prog", True),
        ('include :personal "more";', "includes the script more", True),
        ('frobnicate "x";', "not known: treated as forwarding", True),
        ('redirect "${who}";', "not known before mail comes", True),
    ],
)
def test_a_script_is_said_in_words(script: str, sentence: str, forwards: bool) -> None:  # noqa: FBT001 - a row of the table
    said = summarise(script)
    assert sentence in said.sentence
    assert said.forwards is forwards


def test_every_redirect_is_named_once_whatever_test_it_stands_under() -> None:
    script = """
        require ["copy", "envelope"]; # a comment; redirect "not@this.test";
        if anyof (header :contains "subject" ["a", "b"], not size :over 10K,
                  allof (true, header :is "x" "redirect")) {
            redirect "one@y.test";
            if true { redirect :copy text:
two@y.test
.
; } } elsif address "from" "x@y.test" { redirect "one@y.test"; }
        else { /* redirect "not@that.test"; */ discard; }
    """
    said = summarise(script)
    assert said.redirects == ("one@y.test", "two@y.test")
    assert "throws mail away" in said.sentence
    assert "not@" not in said.sentence


def test_quotes_and_dots_in_strings_are_undone() -> None:
    assert summarise(r'fileinto "a\"b\\c";').words == (r'files into a"b\c',)
    assert summarise("fileinto text: # why\n..dot\n.\n;").words == ("files into .dot",)


@pytest.mark.parametrize(
    "script",
    [
        'redirect "x@y.test"',
        'redirect "x@y.test;',
        "keep; }",
        "if true { keep;",
        "if anyof (true { keep; }",
        "keep ]; ",
        "/* never ends",
        "text: ",
        "reject text:\nno end",
        '"string first";',
        "keep; \x00",
        "keep }",
        "🙂;",
        " " * (MAX_SCRIPT + 1),
    ],
)
def test_what_cannot_be_read_counts_as_forwarding(script: str) -> None:
    said = summarise(script)
    assert (said.sentence, said.forwards) == (UNREADABLE, True)


@given(st.text())
def test_no_text_makes_the_scanner_fail(text: str) -> None:
    said = summarise(text)
    assert all(char.isprintable() for char in said.sentence)


_WORDS = st.lists(
    st.sampled_from(["redirect", "keep", "if", "anyof", "true", '"a@b.test"', ":copy", "10K"])
    | st.sampled_from(list(";{}()[],"))
    | st.sampled_from(["text:\n", ".\n", "\n", "# x\n", "/*", "*/", '"', "\\"]),
    max_size=40,
)


@given(_WORDS)
def test_no_order_of_tokens_makes_the_scanner_fail_or_hide_a_redirect(words: list[str]) -> None:
    said = summarise(" ".join(words))
    assert said.forwards or not said.redirects


_ADDRESS = st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.test", fullmatch=True)


@given(st.lists(_ADDRESS, min_size=1, max_size=5))
def test_a_redirect_is_found_at_any_depth(addresses: list[str]) -> None:
    script = ""
    for number, address in enumerate(addresses):
        opened = "".join(f'if header "x" "{n}" {{ ' for n in range(number))
        script += f'{opened}redirect "{address}"; {"} " * number}'
    assert summarise(script).redirects == tuple(dict.fromkeys(addresses))


def test_a_hostile_script_cannot_write_to_the_terminal() -> None:
    said = summarise('redirect "\x1b[2J\u202eevil@y.test";')
    assert "\x1b" not in said.sentence
    assert "\u202e" not in said.sentence
    assert said.redirects[0].endswith("evil@y.test")
