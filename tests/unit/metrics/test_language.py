"""In which language an answer is: told for sentences, unscored for what is too short, never guessed."""

import sys

import pytest

from evalkit.errors import UsageError
from evalkit.metrics import language
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Scored, Unscored

SENTENCES = {
    "en": "Thank you for your message. Your parcel left our warehouse on Monday and arrives on Thursday.",
    "de": "Vielen Dank für Ihre Nachricht. Ihr Paket hat unser Lager am Montag verlassen und kommt am Donnerstag an.",
    "fr": "Merci pour votre message. Votre colis a quitté notre entrepôt lundi et arrivera jeudi.",
    "es": "Gracias por su mensaje. Su paquete salió de nuestro almacén el lunes y llegará el jueves.",
    "it": "Grazie per il suo messaggio. Il pacco ha lasciato il nostro magazzino lunedì e arriva giovedì.",
    "nl": "Bedankt voor uw bericht. Uw pakket heeft ons magazijn maandag verlaten en komt donderdag aan.",
    "pl": "Dziękujemy za wiadomość. Paczka opuściła nasz magazyn w poniedziałek i dotrze w czwartek.",
    "tr": "Mesajınız için teşekkür ederiz. Paketiniz pazartesi günü depomuzdan çıktı ve perşembe günü gelecek.",
    "ru": "Спасибо за ваше сообщение. Ваша посылка покинула наш склад в понедельник и прибудет в четверг.",
    "el": "Σας ευχαριστούμε για το μήνυμά σας. Το δέμα σας έφυγε από την αποθήκη μας τη Δευτέρα.",
    "he": "תודה על הודעתך. החבילה שלך עזבה את המחסן שלנו ביום שני ותגיע ביום חמישי.",
    "ja": "ご連絡ありがとうございます。お荷物は月曜日に倉庫を出発し、木曜日に到着します。",
    "zh": "感谢您的留言。您的包裹已于星期一离开我们的仓库，将于星期四送达。",
}


def make(**options):
    return build(MetricSpec(name="m", type="language", field=options.pop("field", None), options=options, line=5), ())


def sample(target=None):
    return Sample(id="1", fields={}, target=target)


@pytest.fixture(scope="module")
def by_target():
    return make()


class TestLanguageKeepsTheContract(MetricContract):
    @pytest.fixture
    def metric(self):
        return make(expect="de")

    @pytest.fixture
    def sample(self):
        return sample()


@pytest.mark.parametrize("code", SENTENCES)
def test_each_language_is_itself_and_no_other(by_target, code):
    for other, text in SENTENCES.items():
        score = by_target.score(text, sample(code))
        assert isinstance(score, Scored), (code, other)
        assert score.value == float(code == other)
        assert score.evidence.get("language") == (None if code == other else other)


@pytest.mark.parametrize("text", ["OK", "42", "Ja", '{"a": 1}', "🙂🙂", "\ud800", "x" * 100])
def test_what_is_too_little_to_tell_is_unscored(by_target, text):
    assert by_target.score(text, sample("en")) == Unscored(metric="m", why="language_unclear")


def test_several_may_be_right_and_few_make_short_answers_clear():
    text = "Ordren er sendt"
    assert make(expect=["da", "no"]).score(text, sample()).value == 1.0
    assert make(expect="da").score(text, sample()) == Unscored(metric="m", why="language_unclear")
    assert make(expect="da", among=["en", "de"]).score(text, sample()).value == 1.0
    assert isinstance(make(expect="da", among=["en", "no"], sure=0.99).score(text, sample()), Unscored)


def test_one_metric_takes_no_languages_from_another():
    few, all_of_them = make(expect="de", among=["en"]), make(expect="de")
    assert (len(few.identifier.nb_classes), len(few.known)) == (2, 2)
    assert len(all_of_them.known) > 50
    assert all_of_them.score(SENTENCES["fr"], sample()).evidence["language"] == "fr"


def test_silence_is_wrong_and_what_is_asked_for_has_to_be_a_language(by_target):
    silent = by_target.score(" ", sample("de"))
    assert (silent.value, silent.is_answered) == (0.0, False)
    assert by_target.score("x", sample()) == Unscored(metric="m", why="no_target")
    assert by_target.score("x", sample("German")) == Unscored(metric="m", why="target_is_no_language")
    assert make(expect="de", field="reply").score('{"reply": "' + SENTENCES["de"] + '"}', sample()).value == 1.0


def test_a_million_characters_are_told_too(by_target):
    assert by_target.score((SENTENCES["de"] + " ") * 10_000, sample("de")).value == 1.0


def test_what_it_takes_to_get_the_same_numbers_is_told():
    assert make(expect="de", among=["en", "fr"]).signature.endswith("|among:3|sure:0.5")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"expect": "German"}, "expect: 'German' is no language that can be told apart"),
        ({"among": ["en", "xx"]}, "among: 'xx' is no language"),
        ({"expect": "en", "among": ["en"]}, "one language alone"),
        ({"sure": 0.2}, "0.2 is not from 0.5 to 1"),
    ],
)
def test_what_cannot_be_told_apart_is_refused_at_its_entry(options, says):
    with pytest.raises(UsageError, match=says) as refused:
        make(**options)
    assert refused.value.diagnostics[0].line == 5


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(language, "_model", language._model.__wrapped__)
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(UsageError) as refused:
        make(expect="de")
    assert refused.value.diagnostics[0].help == "pip install 'evalkit-gate[language]'"
