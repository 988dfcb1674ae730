import base64
from typing import Any

import pytest

from lab.model.chat import BadRequest, completion, read_call

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


def request(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hello"}], **changes}


def asking_for(schema: Any, name: str = "shape", strict: bool = True) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict}}


def with_picture(url: str) -> dict[str, Any]:
    return request(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])


def test_a_picture_in_a_data_url_arrives_as_bytes() -> None:
    call = read_call(with_picture("data:image/jpeg;base64," + base64.b64encode(b"abc").decode()))
    assert call.pictures[0].data == b"abc"


def test_a_picture_by_address_is_left_as_it_is() -> None:
    assert read_call(with_picture("https://example.com/a.jpg")).pictures[0].address == "https://example.com/a.jpg"


def test_the_wanted_schema_is_found() -> None:
    call = read_call(request(response_format=asking_for(SCHEMA)))
    assert (call.schema_name, call.schema) == ("shape", SCHEMA)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"messages": [{"role": "user", "content": "x"}]},
        request(messages=[]),
        request(messages=[{"role": "nobody", "content": "x"}]),
        request(messages=[{"role": "user", "content": []}]),
        request(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]),
        request(stream=True),
        with_picture("http://example.com/a.jpg"),
        with_picture("data:image/jpeg;base64,@@@"),
        request(response_format={"type": "xml"}),
        request(response_format=asking_for(SCHEMA, name="two words")),
        request(response_format=asking_for({"type": "array"})),
        request(response_format=asking_for({**SCHEMA, "additionalProperties": True})),
        request(response_format=asking_for({**SCHEMA, "required": []})),
    ],
)
def test_a_request_that_the_real_api_refuses_is_refused(body: Any) -> None:
    with pytest.raises(BadRequest):
        read_call(body)


def test_an_open_schema_is_fine_when_it_is_not_strict() -> None:
    assert read_call(request(response_format=asking_for({"type": "object"}, strict=False))).schema == {"type": "object"}


def test_the_token_counts_add_up() -> None:
    usage = completion(read_call(request()), 1, "answer")["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
