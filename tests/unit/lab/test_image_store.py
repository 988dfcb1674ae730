"""Images by tag and by digest, as containerd lists and finds them."""

from lab.image_store import by_digest, digests_in

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
LISTING = f"""\
REF                      TYPE                                       DIGEST   SIZE     PLATFORMS   LABELS
localhost/eco2/app:0a1b  application/vnd.oci.image.manifest.v1+json {DIGEST} 97.1 MiB linux/amd64 -
localhost/eco2/app@{DIGEST} application/vnd.oci.image.manifest.v1+json {DIGEST} 97.1 MiB linux/amd64 -
"""


def test_every_name_is_listed_with_its_digest() -> None:
    assert digests_in(LISTING) == {"localhost/eco2/app:0a1b": DIGEST, f"localhost/eco2/app@{DIGEST}": DIGEST}


def test_what_a_pod_asks_for_by_digest_is_looked_for_without_its_tag() -> None:
    for reference in ("localhost/eco2/app:0a1b", f"localhost/eco2/app@{DIGEST}", "localhost/eco2/app"):
        assert by_digest(reference, DIGEST) == f"localhost/eco2/app@{DIGEST}"
    assert by_digest("registry.example:5000/app", DIGEST) == f"registry.example:5000/app@{DIGEST}"


def test_no_images_are_no_digests() -> None:
    assert digests_in("REF TYPE DIGEST SIZE PLATFORMS LABELS\n") == {}
