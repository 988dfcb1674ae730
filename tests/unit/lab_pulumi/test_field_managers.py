from lab.pulumi.kubernetes.field_managers import created_by_us, handover, manager_name, with_ignored_fields


def entry(manager, operation, fields, **more):
    return {"manager": manager, "operation": operation, "fieldsV1": fields} | more


def live(*entries, **spec):
    return {"metadata": {"resourceVersion": "7", "managedFields": list(entries)}, "spec": spec}


def test_the_creators_fields_become_ours_and_others_keep_theirs():
    other = entry("kube-controller-manager", "Update", {"f:status": {}})
    created = entry("pulumi-kubernetes", "Update", {"f:spec": {"f:a": {}}})
    ours = entry("mine", "Apply", {"f:spec": {"f:b": {}}})
    fields, version = handover(live(other, created, ours), "mine")
    assert fields["value"] == [other, entry("mine", "Apply", {"f:spec": {"f:a": {}, "f:b": {}}})]
    assert version["value"] == "7", "a change in between must make the handover fail, not be lost"


def test_without_fields_to_take_over_there_is_no_patch():
    assert handover(live(entry("mine", "Apply", {})), "mine") == []


def test_a_scaled_replica_count_is_not_taken_over():
    assert handover(live(entry("kubectl", "Update", {"f:spec": {}}, subresource="scale")), "mine") == []


def test_objects_under_the_creators_name_are_recognised():
    assert created_by_us(live(entry("pulumi-kubernetes", "Update", {})))
    assert not created_by_us(live(entry("pulumi-kubernetes-1", "Apply", {})))


def test_the_manager_is_the_annotations_then_the_states_then_a_new_one():
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "chosen"}}}
    assert manager_name(annotated, "stored") == "chosen"
    assert manager_name({}, "stored") == "stored"
    assert manager_name({}).startswith("pulumi-kubernetes-")


def test_an_ignored_field_of_another_manager_is_not_sent():
    current = live(entry("hpa", "Update", {"f:spec": {"f:replicas": {}}}), replicas=5)
    assert with_ignored_fields({"spec": {"replicas": 1}}, current, "mine", ["spec.replicas"]) == {"spec": {}}


def test_an_ignored_field_of_ours_is_sent_as_it_lives():
    current = live(entry("mine", "Apply", {"f:spec": {"f:replicas": {}}}), replicas=5)
    inputs = {"spec": {"replicas": 1}}
    assert with_ignored_fields(inputs, current, "mine", ["spec.replicas"]) == {"spec": {"replicas": 5}}
    assert inputs == {"spec": {"replicas": 1}}
