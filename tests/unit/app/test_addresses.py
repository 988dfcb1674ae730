import pytest

from app.api.addresses import check_image_url
from app.api.problems import Problem

PUBLIC = (
    "https://example.com/bottle.jpg",
    "https://example.com:8443/a?b=c#d",
    "https://example.com./a.jpg",
    "https://한국.kr/사진.jpg",
    "https://8.8.8.8/a.jpg",
    "https://[2606:4700::1111]/a.jpg",
)

REFUSED = (
    "http://example.com/a.jpg",
    "ftp://example.com/a.jpg",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "example.com/a.jpg",
    "https://",
    "https:///a.jpg",
    "https://user:secret@example.com/a.jpg",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://exam ple.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\x00",
    "https://a..b.com/",
    "https://%31%32%37.0.0.1/",
    "https://" + "a" * 3000 + ".com/",
)

PRIVATE = (
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://127.0.0.1./",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://10.1.2.3/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://redis/",
    "https://redis.redis.svc/",
    "https://redis.redis.svc.cluster.local/",
    "https://metadata.google.internal/",
    "https://printer.local/",
)


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_https_address_is_handed_on(url: str) -> None:
    check_image_url(url)


@pytest.mark.parametrize("url", [*REFUSED, *PRIVATE])
def test_an_address_that_may_lead_inside_is_refused(url: str) -> None:
    with pytest.raises(Problem) as refused:
        check_image_url(url)
    assert refused.value.status == 422
    assert refused.value.detail.startswith("image_url "), "the client must learn which field to change"


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_host_is_refused_as_such(url: str) -> None:
    with pytest.raises(Problem, match="private network"):
        check_image_url(url)
