from lab.pulumi.kubernetes import checkpoint
from lab.pulumi.kubernetes.checkpoint import Checkpoint
from lab.pulumi.kubernetes.secrecy import marked
from lab.pulumi.kubernetes.values import Secret, has_secret

SECRET_OBJECT = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "QQ=="}}


def test_what_came_in_as_a_secret_goes_out_as_one():
    out = marked({"spec": {"token": "t", "size": 1}}, {"spec": {"token": Secret("t"), "size": 1}})
    assert out == {"spec": {"token": Secret("t"), "size": 1}}, "only the secret part may be hidden from the user"


def test_a_list_with_a_secret_entry_is_secret_as_a_whole():
    assert marked({"env": ["b", "a"]}, {"env": [Secret("a"), "b"]}) == {"env": Secret(["b", "a"])}


def test_a_secret_branch_covers_what_the_cluster_made_of_it():
    assert marked({"spec": {"a": {"b": 1}}}, {"spec": Secret({"a": {}})}) == {"spec": Secret({"a": {"b": 1}})}


def test_a_secrets_data_is_secret_even_if_the_program_did_not_say_so():
    assert marked(SECRET_OBJECT, {})["data"] == Secret({"a": "QQ=="})
    nested = marked({"items": {"first": SECRET_OBJECT}}, {})
    assert has_secret(nested)


def test_the_state_keeps_a_secret_in_none_of_its_places_in_clear():
    inputs = SECRET_OBJECT | {"stringData": {"a": "A"}}
    state = checkpoint.build(Checkpoint(inputs, SECRET_OBJECT, "v1", "m"), {"stringData": Secret({"a": "A"})})
    assert isinstance(state["data"], Secret)
    assert isinstance(state["__inputs"]["data"], Secret)
    assert isinstance(state["__inputs"]["stringData"], Secret)


def test_a_state_is_read_back_as_it_was_built():
    built = Checkpoint(
        {"apiVersion": "v1", "spec": {"a": 1}}, {"apiVersion": "v1", "spec": {"a": 1, "b": 2}}, "v1", "m"
    )
    assert checkpoint.parse(checkpoint.build(built, {})) == built


def test_schema_fields_have_the_sdks_names_in_the_state_and_kubernetes_names_on_the_way_there():
    schema = {"spec": {"x-kubernetes-preserve-unknown-fields": True, "list": [{"x-kubernetes-int-or-string": True}]}}
    state = checkpoint.build(Checkpoint(schema, schema, "v1", "m"), {})
    assert state["spec"]["x_kubernetes_preserve_unknown_fields"] is True, "the SDK has no attribute with dashes"
    assert checkpoint.parse(state).live == schema


def test_the_state_leaves_the_managed_fields_out():
    live = {"metadata": {"name": "a", "managedFields": [{"manager": "x"}]}}
    assert checkpoint.build(Checkpoint({}, live, "v1", "m"), {})["metadata"] == {"name": "a"}
