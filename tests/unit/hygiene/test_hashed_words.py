import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.hygiene.words import grams, hashed, letters, plain


@given(st.lists(st.text(), min_size=1, max_size=8))
def test_equal_words_and_only_they_have_equal_hashes(texts):
    plains = [plain(text) for text in texts]
    batch = hashed(plains)
    words = [word for text in plains for word in text.split()]
    assert len(batch.hashes) == len(words)
    by_hash = dict(zip(batch.hashes.tolist(), words, strict=True))
    assert [by_hash[h] for h in batch.hashes.tolist()] == words
    assert np.diff(batch.bounds).tolist() == [len(text.split()) for text in plains]


def test_a_word_hashes_the_same_wherever_it_stands():
    long = "pneumonoultramicroscopicsilicovolcanoconiosis"
    alone = hashed([long.encode()]).hashes[0]
    among = hashed([b"x", f"a bc {long} def".encode()]).hashes
    assert among[3] == alone
    assert hashed([long[:-1].encode()]).hashes[0] != alone
    assert hashed([(long[:20] + "q" + long[21:]).encode()]).hashes[0] == alone  # told in the docstring: ends count


@pytest.mark.parametrize(
    ("one", "other"),
    [("Great, GREAT film!", "great great film"), ("Café", "CAFE\u0301"), ("ﬁne", "fine"), ("STRASSE", "straße")],
)
def test_case_punctuation_and_spelling_of_characters_do_not_count(one, other):
    assert plain(one).split() == plain(other).split()


def test_where_no_blanks_stand_each_character_is_a_word():
    assert len(plain("東京に行きました。").split()) == 8
    assert len(plain("ประเทศไทย").split()) >= 5


def test_letters_drop_the_blanks():
    assert letters(plain("a b, c")) == letters(plain("AB C")) == b"abc"


def test_runs_of_words_depend_on_their_order():
    batch = hashed([b"one two three four five", b"two one three four five"])
    runs = grams(batch.hashes, 5)
    assert len(runs) == 6
    assert runs[0] != runs[5]
    assert len(grams(batch.hashes[:3], 5)) == 0
