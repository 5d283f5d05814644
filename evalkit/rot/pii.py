"""Personal data found by rules and checksums and replaced by typed placeholders: a floor, not a guarantee.

Found are addresses of mail, phone numbers, payment cards (Luhn), bank accounts (IBAN, ISO 13616 mod 97), the numbers of
nine states' people (`evalkit.rot.national_ids`), dates beside a word of birth, IP addresses, keys and tokens, and any
other number long enough to be somebody's. Names and street addresses are not: a person reads every sample before it
enters a suite.
"""

from __future__ import annotations

import html
import ipaddress
import re
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from evalkit.rot.national_ids import RULES
from evalkit.types import JsonValue

_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)[-_](?:live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|npm_|AIza|ya29\.)[A-Za-z0-9_-]{10,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    # Bounded: a search to the end of the text from every place where one begins would take for ever.
    r"|\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
    r"|(?i:\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token)\b\s*(?:is|[:=])\s*)\S+"
    # What is called a token or a secret is one where a value with a digit follows it.
    r"|(?i:(?<![A-Za-z])(?:token|(?:access|private|client|secret|auth)[_-]?key|passphrase|secret)[\"']?\s*[:=]\s*)"
    r"(?=[^\s&]{0,256}\d)[^\s&]{6,}"
    r"|\b(?=[A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{32,}\b",
    re.DOTALL,
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:(?:[\w-]{1,63}\.)+[\w-]{2,63}|localhost(?![\w-]))")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}\b")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_DIGITS = re.compile(r"(?<![\w])\d(?:[ .-]?\d){12,18}(?!\w)")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00|\(0|\(\+|0|\(\d{3}\)|\d{3}[-. ])[\d\s()./-]{5,22}\d(?!\w)")
_NUMBER = re.compile(r"\d(?:[ .-]?\d){8,}")
_HIDDEN_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s{0,3}(?:"
    r"(?:@|[\[({]\s?at\s?[\])}])\s{0,3}[\w-]{1,63}\s{0,3}(?:\.|[\[({]\s?dot\s?[\])}]|\bdot\b)"
    r"|\bat\b\s{0,3}[\w-]{1,63}(?:\.(?=\S)|\s{1,3}\.|\.(?=\s{1,3}(?:com|net|org|edu)\b)"
    r"|\s{0,3}(?:[\[({]\s?dot\s?[\])}]|\bdot\b))"
    r")\s{0,3}[a-z]{2,}",
    re.IGNORECASE,
)
"""With a bare `at` a full stop that ends a sentence is no dot: "I looked at this. Then it broke" hides nobody."""
_BIRTH = re.compile(
    # After another word too where a capital begins it: patientDateOfBirth.
    r"(?P<before>(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:born|birth[ _-]?(?:day|date)|date[ _-]?of[ _-]?birth|d\.?o\.?b\.?"
    r"|geboren|geb\.|geburts(?:tag|datum)|geboortedatum|née?|date de naissance|nacid[oa]|fecha de nacimiento"
    r"|nat[oa] il|data di nascita|nascid[oa]|data de nascimento|urodzon[ya]|data urodzenia)"
    r"(?:[^\w\n\x00]|_){0,4}(?:(?:is|was|on|the|am|op|le|il|el|em|dnia)\b[^\w\n\x00]{0,3}){0,2}"
    r"(?:\([^()\n\x00]{1,20}\)[^\w\n\x00]{0,3})?)"
    r"(?:\d{4}([-./])\d{1,2}\2\d{1,2}"
    r"(?:(?:T\d\d(?::?\d\d){0,2}|\s\d{1,2}:\d\d(?::\d\d)?)(?:[.,]\d{1,9})?\s?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
    r"|\d{8}|\d{1,2}([-./ ])\d{1,2}\3(?:\d{4}|\d\d)"
    r"|\d{1,2}(?:st|nd|rd|th|\.|er)?\s(?:(?:of|de)\s)?[^\W\d_]{3,10}\.?,?\s(?:(?:of|de)\s)?\d{4}"
    r"|[^\W\d_]{3,9}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4})(?![\w-])",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|IP|ID|BIRTHDATE|KEY|NUMBER)_\d+\]")
_PHONE_DIGITS = range(8, 16)
_CARD_DIGITS = range(13, 20)


def luhn(digits: str) -> bool:
    """Whether digits pass the checksum of payment cards (ISO/IEC 7812-1).

    >>> luhn("4539578763621486"), luhn("4539578763621487")
    (True, False)
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)  # noqa: PLR2004 - the cross sum of a two-digit product
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Whether an account number's check digits are right: rearranged and read as a number it leaves 1 mod 97.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB83 WEST 1234 5698 7654 32")
    (True, False)
    """
    bare = re.sub(r"[ -]", "", text).upper()
    turned = bare[4:] + bare[:4]
    return turned.isascii() and turned.isalnum() and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(digits) in _CARD_DIGITS and luhn(digits)


def _phone(text: str) -> bool:
    return len(re.sub(r"\D", "", text)) in _PHONE_DIGITS


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text != "::"


_Rule = tuple[str, re.Pattern[str], Callable[[str], bool]]
_RULES: Sequence[_Rule] = (
    ("KEY", _KEY, bool),
    ("EMAIL", _EMAIL, bool),
    ("IBAN", _IBAN, is_iban),
    ("IP", _IPV4, _address),
    ("IP", _IPV6, _address),
    ("BIRTHDATE", _BIRTH, bool),
    *(("ID", pattern, is_meant) for pattern, is_meant in RULES),
    ("CARD", _DIGITS, _card),
    ("PHONE", _PHONE, _phone),
    ("NUMBER", _NUMBER, bool),
)
"""In order: what an earlier rule took, a later one does not see."""
_WITHOUT_DIGITS = frozenset({"KEY", "EMAIL", "IP"})
"""Kinds that may hold no digit."""
_DIGIT = re.compile(r"\d")
_AFTER_A_WORD = tuple(rule for rule in _RULES if "before" in rule[1].groupindex)
"""Rules that take a number or a date for what the word before it says."""


class Scrubber(Struct):
    """Replaces personal data in one document. The same value gets the same placeholder wherever it stands in it."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Different values found, by kind."""

    def text(self, text: str) -> str:
        """The text with a placeholder such as [EMAIL_1] for everything found.

        >>> Scrubber().text("Write to jo@example.org or call +49 30 1234567; jo@example.org is better")
        'Write to [EMAIL_1] or call [PHONE_1]; [EMAIL_1] is better'
        """
        return self._by(_RULES, text)

    def _by(self, rules: Sequence[_Rule], text: str) -> str:
        has_digits: bool | None = None
        for kind, pattern, is_meant in rules:
            if kind not in _WITHOUT_DIGITS:
                if has_digits is None:  # looked for once: there are never more of them later
                    has_digits = _DIGIT.search(_PLACEHOLDER.sub("", text)) is not None
                if not has_digits:
                    continue
            pieces, end = [], 0
            # Between placeholders only: their own digits are nobody's.
            for held in (*_PLACEHOLDER.finditer(text), None):
                part = text[end : held.start() if held else len(text)]
                pieces.append(pattern.sub(lambda m, k=kind, ok=is_meant: self._name(k, m, ok), part))  # type: ignore[misc]
                if held:
                    pieces.append(held.group())
                    end = held.end()
            text = "".join(pieces)
        return text

    def value(self, value: JsonValue) -> JsonValue:
        """A document with every text, number and key in it scrubbed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = str(value)
            scrubbed = self.text(written)
            return value if scrubbed == written else scrubbed
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(self.beside(str(key), item)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def beside(self, key: str, item: JsonValue) -> JsonValue:
        """What stands under a key, or in a list there, scrubbed of what only the key tells: {"dob": "1985-05-12"}."""
        if isinstance(item, list):
            return [self.beside(key, one) for one in item]
        if isinstance(item, bool) or not isinstance(item, str | int) or not any(c.isdecimal() for c in str(item)):
            return item
        told = f"{key}: "
        found = self._by(_AFTER_A_WORD, f"{told}{item}")
        return found.removeprefix(told) if found != f"{told}{item}" and found.startswith(told) else item

    def _name(self, kind: str, match: re.Match[str], is_meant: Callable[[str], bool]) -> str:
        before = match.groupdict().get("before") or ""
        found, rest = match.group()[len(before) :], ""
        while kind == "IBAN" and not is_meant(found) and (cut := re.search(r"[ -][A-Za-z0-9]*$", found)):
            found, rest = found[: cut.start()], cut.group() + rest  # words after it look like more of it
        if not is_meant(found):
            return match.group()
        key = (kind, re.sub(r"[\s().-]", "", found).casefold())
        if key not in self.names:
            self.counts[kind] += 1
            self.names[key] = f"[{kind}_{self.counts[kind]}]"
        return before + self.names[key] + rest


def residue(value: JsonValue) -> str | None:
    """The kind of personal data that still stands in a scrubbed document, or None.

    Looks harder than the scrubber: through full-width digits, invisible characters, the codes of links and pages, and
    spelled-out addresses. What is
    found here is not mended but kept out.
    """
    if isinstance(value, Mapping):
        each = (residue(key) or residue(item) or _told_by(str(key), item) for key, item in value.items())
        return next(filter(None, each), None)
    if isinstance(value, list):
        return next((kind for item in value if (kind := residue(item))), None)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    text = _laid_bare(str(value))
    if _HIDDEN_MAIL.search(text):
        return "EMAIL"
    # One scrubber after the other would go on for ever: what it would still replace is the residue.
    found = Scrubber()
    found.text(text)
    return next(iter(found.counts), None)


def _told_by(key: str, item: JsonValue) -> str | None:
    if isinstance(item, list):
        return next((kind for one in item if (kind := _told_by(key, one))), None)
    found = Scrubber()
    found.beside(_laid_bare(key), _laid_bare(item) if isinstance(item, str) else item)
    return next(iter(found.counts), None)


def _laid_bare(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    # As an address may stand in a link or on a page: jo%40example.org, jo&#64;example.org.
    text = html.unescape(urllib.parse.unquote(text))
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return _PLACEHOLDER.sub("\x00", text)
