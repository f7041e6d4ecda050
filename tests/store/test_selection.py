"""Which files are a model: names out of real repositories of 2026."""

import pytest

from oss_cli.catalogue import CatalogueEntry, ModelFile
from oss_cli.errors import NotOffered
from oss_cli.store.repository import Listing, RemoteFile
from oss_cli.store.selection import choose_best, find_entry_files, find_here, find_offer, find_successor, list_offers


def listing(*paths: str) -> Listing:
    files = (RemoteFile(path, 1000 + 10 * number, f"{number:064x}") for number, path in enumerate(paths, 1))
    return Listing("org/model-GGUF", "c" * 40, tuple(files))


GGML_ORG = listing(
    ".gitattributes",
    "README.md",
    "gpt-oss-20b-MXFP4.gguf",
    "eagle3-gpt-oss-20b-Q8_0.gguf",
    "eagle3-gpt-oss-20b-BF16.gguf",
)
UNSLOTH = listing(
    "gpt-oss-120b-F16.gguf",
    "Q4_K_M/gpt-oss-120b-Q4_K_M-00001-of-00002.gguf",
    "Q4_K_M/gpt-oss-120b-Q4_K_M-00002-of-00002.gguf",
    "UD-Q4_K_XL/gpt-oss-120b-UD-Q4_K_XL-00001-of-00002.gguf",
    "UD-Q4_K_XL/gpt-oss-120b-UD-Q4_K_XL-00002-of-00002.gguf",
    "Q8_0/gpt-oss-120b-Q8_0-00001-of-00002.gguf",
    "imatrix_unsloth.gguf",
    "mmproj-F16.gguf",
)


def test_drafts_are_no_models() -> None:
    assert [offer.label for offer in list_offers(GGML_ORG)] == ["MXFP4"]


def test_split_models_are_whole_or_not_offered() -> None:
    assert {offer.label: len(offer.files) for offer in list_offers(UNSLOTH)} == {"F16": 1, "Q4_K_M": 2, "UD-Q4_K_XL": 2}


def test_files_without_a_quantisation_are_called_by_their_paths() -> None:
    offers = list_offers(listing("base.gguf", "chat.gguf", "a/Q8_0.gguf", "b/Q8_0.gguf"))
    assert [offer.label for offer in offers] == ["base.gguf", "chat.gguf", "a/Q8_0.gguf", "b/Q8_0.gguf"]


def test_a_file_without_a_hash_is_not_offered() -> None:
    assert list_offers(Listing("o/r", "c" * 40, (RemoteFile("m.gguf", 5, ""),))) == ()


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        ("q4_k_m", "Q4_K_M"),
        ("Q4_K_XL", "UD-Q4_K_XL"),
        ("ud-q4_k_xl", "UD-Q4_K_XL"),
        ("gpt-oss-120b-F16.gguf", "F16"),
        ("Q4_K_M/gpt-oss-120b-Q4_K_M-00002-of-00002.gguf", "Q4_K_M"),
        ("gpt-oss-120b-Q4_K_M-00001-of-00002.gguf", "Q4_K_M"),
    ],
)
def test_what_is_wanted_is_found_in_any_case(wanted: str, label: str) -> None:
    assert find_offer(UNSLOTH, wanted).label == label


def test_a_helper_comes_when_it_is_called_by_its_own_name() -> None:
    assert find_offer(UNSLOTH, "mmproj-F16.gguf").files[0].path == "mmproj-F16.gguf"


@pytest.mark.parametrize("wanted", ["Q3_K", "eagle3", "Q8_0", "README.md"])
def test_what_is_not_offered_is_refused_with_what_is(wanted: str) -> None:
    with pytest.raises(NotOffered) as caught:
        find_offer(UNSLOTH, wanted)
    assert caught.value.cause == "it has F16 (1 kB), Q4_K_M (2 kB), UD-Q4_K_XL (2 kB)"
    assert caught.value.hint == "oss pull org/model-GGUF:F16"


def test_the_best_that_fits_is_the_one_as_trained_then_the_most_bits_that_can_be_noticed() -> None:
    offers = list_offers(listing("m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-MXFP4.gguf", "m-Q8_0.gguf", "m-BF16.gguf"))

    def best(*fitting: bool | None) -> str:
        return choose_best(offers, fitting).label

    assert best(True, True, True, True, True) == "MXFP4"
    assert best(True, True, False, True, True) == "Q8_0"
    assert best(True, True, False, False, False) == "Q4_K_M"
    assert best(False, False, False, False, True) == "BF16"
    assert best(False, False, False, False, False) == "Q2_K"
    assert best(None, None, None, None, None) == "MXFP4"
    assert choose_best(offers[:2], (None, None)).label == "Q4_K_M"


def entry(*files: ModelFile) -> CatalogueEntry:
    return CatalogueEntry("gpt-oss-20b", repository="org/model-GGUF", files=files)


def test_an_entrys_files_are_found_by_hash_under_new_names() -> None:
    found = find_entry_files(GGML_ORG, entry(ModelFile("gpt-oss-20b-mxfp4.gguf", 1030, f"{3:064x}")))
    assert found is not None and found[0].path == "gpt-oss-20b-MXFP4.gguf"


def test_an_entry_whose_bytes_are_gone_is_not_found() -> None:
    assert find_entry_files(GGML_ORG, entry(ModelFile("gpt-oss-20b-MXFP4.gguf", 1030, "f" * 64))) is None


def test_its_successor_has_the_same_name_or_quantisation() -> None:
    by_name = find_successor(UNSLOTH, entry(ModelFile("gpt-oss-120b-F16.gguf", 1, "f" * 64)))
    by_quant = find_successor(UNSLOTH, entry(ModelFile("gpt-oss-120b-q4_k_m-00001-of-00003.gguf", 1, "f" * 64)))
    assert by_name is not None and by_name.label == "F16"
    assert by_quant is not None and by_quant.label == "Q4_K_M"
    assert find_successor(UNSLOTH, entry(ModelFile("other.gguf", 1, "f" * 64))) is None


def test_what_is_here_is_taken_only_when_it_is_clear_which() -> None:
    assert find_here(UNSLOTH, "") is None
    here = find_here(UNSLOTH, "Q4_K_M")
    assert here is not None and here.label == "Q4_K_M"
