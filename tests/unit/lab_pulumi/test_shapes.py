from lab.pulumi.kubernetes.shapes import normalized, pruned


def test_plain_secret_data_is_compared_in_the_form_in_which_it_is_stored():
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "QQ=="}, "stringData": {"b": "B", "a": "C"}}
    assert normalized(secret)["data"] == {"a": "Qw==", "b": "Qg=="}, "stringData wins over data, as on the API server"
    assert "stringData" not in normalized(secret)
    assert "stringData" in secret, "the program's inputs must stay what they are"


def test_secret_data_with_line_breaks_is_no_change():
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "QUJD\nREVG\n"}}
    assert normalized(secret)["data"] == {"a": "QUJDREVG"}


def test_what_a_manifest_says_of_its_own_state_is_left_out():
    crd = {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a", "creationTimestamp": None},
        "spec": {"preserveUnknownFields": False, "group": "g"},
        "status": {"conditions": []},
    }
    assert normalized(crd) == {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a"},
        "spec": {"group": "g"},
    }


def test_fields_that_the_cluster_added_are_pruned():
    live = {
        "spec": {"replicas": 1, "strategy": {}, "containers": [{"name": "c", "terminationPath": "x"}, {"name": "d"}]}
    }
    inputs = {"spec": {"replicas": 2, "containers": [{"name": "c"}]}}
    assert pruned(live, inputs) == {"spec": {"replicas": 1, "containers": [{"name": "c"}]}}


def test_a_list_of_another_type_is_kept_whole():
    assert pruned({"a": [1, 2]}, {"a": ["x"]}) == {"a": [1, 2]}
