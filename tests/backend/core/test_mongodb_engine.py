"""The development engine asks the same questions: what it rewrites gives the documents of the original."""

from collections.abc import Mapping
from typing import Any

import pytest
from bson import MaxKey, MinKey
from django.contrib.auth.models import Permission
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.collection import Collection

from backend.devtools.mongodb_engine.rewrite import rewrite_filter, rewrite_pipeline

FIELDS = ("a", "b", "c.d")
SCALARS = (None, 0, 1, 2, 3, -1, 2.5, "", "a", "b", True, False)
VALUES: tuple[Any, ...] = (
    *SCALARS,
    [],
    [None, 3],
    [1, 5],
    ["a", 0],
    {"d": 2},
    {"d": None},
    {},
    [{"d": 1}, {}],
    [{"d": 3}, {"d": None}],
)

# Every value under every field, absent fields, and each beside every other value's neighbour.
DOCUMENTS = [
    {"_id": number, "a": first, "b": second, "c": third}
    for number, (first, second, third) in enumerate(
        zip(VALUES * 3, VALUES[5:] * 3 + VALUES[:15], VALUES[11:] * 3 + VALUES[:33], strict=False)
    )
] + [{"_id": "none"}, {"_id": "a", "a": 1}, {"_id": "b", "b": [2]}, {"_id": "c", "c": {"d": [1, None]}}]

bounds = st.sampled_from([*SCALARS, MinKey(), MaxKey()])
operators = st.one_of(
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne", "$eq"]), bounds, min_size=1, max_size=2),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$in": st.lists(st.sampled_from(SCALARS), max_size=3)}),
    st.just({"$regex": "^a", "$options": "i"}),
)
fields = st.dictionaries(st.sampled_from(FIELDS), st.one_of(st.sampled_from(SCALARS), operators), max_size=2)
filters = st.recursive(
    fields,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$nor": st.lists(inner, min_size=1, max_size=2)}),
        st.builds(lambda both, more: {"$and": both, **more}, st.lists(inner, min_size=2, max_size=2), fields),
    ),
    max_leaves=6,
)


@pytest.fixture
def unmended(db: None) -> Collection[dict[str, Any]]:
    """A collection of awkward documents that sends exactly what it is told."""
    collection = connection.database["engine"]
    collection.insert_many(DOCUMENTS)
    return collection


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=filters)
def test_a_rewritten_filter_matches_the_same_documents(
    unmended: Collection[dict[str, Any]], condition: dict[str, Any]
) -> None:
    original = {document["_id"] for document in unmended.find(condition)}

    as_filter = {document["_id"] for document in unmended.find(rewrite_filter(condition))}
    as_stages = {document["_id"] for document in unmended.aggregate(rewrite_pipeline([{"$match": condition}]))}

    assert (as_filter, as_stages) == (original, original)


names = st.sampled_from(["a", "b", "c", "d"])
documents = st.recursive(
    st.sampled_from([0, 1, "x", None]),
    lambda inner: st.one_of(
        st.dictionaries(names, inner, max_size=3),
        st.lists(st.dictionaries(names, inner, max_size=2), max_size=2),
    ),
    max_leaves=8,
)
inclusions = st.recursive(
    st.just(1), lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=5
).filter(lambda tree: isinstance(tree, dict))


def included(value: Any, tree: Any) -> Any:
    """Return what MongoDB's inclusion keeps of a document: the manual's rules, in Python."""
    kept = {}
    for name, inner in value.items():
        wanted = tree.get(name)
        if wanted == 1:
            kept[name] = inner
        elif wanted and isinstance(inner, dict):
            kept[name] = included(inner, wanted)
        elif wanted and isinstance(inner, list):
            kept[name] = [included(item, wanted) for item in inner if isinstance(item, dict)]
    return kept


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(names, documents, max_size=4), tree=inclusions)
def test_a_rewritten_inclusion_keeps_what_the_nested_one_names(
    db: None, document: dict[str, Any], tree: dict[str, Any]
) -> None:
    collection = connection.database["engine"]
    collection.replace_one({"_id": 1}, document, upsert=True)

    (answer,) = collection.aggregate(rewrite_pipeline([{"$project": {**tree, "_id": 0}}]))

    assert answer == included(document, tree)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=inclusions, stage=st.sampled_from(["$addFields", "$set"]))
def test_rewritten_fields_are_set_where_the_nested_ones_say(db: None, tree: dict[str, Any], stage: str) -> None:
    collection = connection.database["engine"]
    collection.replace_one({"_id": 1}, {"kept": True, "a": {"kept": True}}, upsert=True)

    def computed(branch: Any) -> Any:
        if isinstance(branch, Mapping):
            return {name: computed(inner) for name, inner in branch.items()}
        return {"$add": [1, 6]}

    def expected(before: Any, branch: Any) -> Any:
        if not isinstance(branch, Mapping):
            return 7
        kept = dict(before) if isinstance(before, Mapping) else {}
        return {**kept, **{name: expected(kept.get(name), inner) for name, inner in branch.items()}}

    (answer,) = collection.aggregate(rewrite_pipeline([{stage: computed(tree)}, {"$project": {"_id": 0}}]))

    assert answer == expected({"kept": True, "a": {"kept": True}}, tree)


def test_what_the_orm_sends_for_a_range_becomes_one_that_an_index_answers() -> None:
    not_null = {"$and": [{"at": {"$exists": True}}, {"at": {"$ne": None}}]}
    condition = {"$and": [{"at": {"$gte": 1}}, {"$and": [{"at": {"$lt": 5}}, not_null]}]}

    assert rewrite_pipeline([{"$match": condition}]) == [
        {"$match": {"at": {"$gte": 1, "$lt": 5}}},
        {"$match": {"at": {"$exists": True, "$ne": None}}},
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pipeline: [{"$facet": {"one": pipeline}}],
        lambda pipeline: [{"$lookup": {"from": "x", "as": "x", "pipeline": pipeline}}],
        lambda pipeline: [{"$unionWith": {"coll": "x", "pipeline": pipeline}}],
    ],
    ids=["facet", "lookup", "unionWith"],
)
def test_inner_pipelines_are_rewritten_too(wrap: Any) -> None:
    nested, dotted = [{"$project": {"a": {"b": 1}}}], [{"$project": {"a.b": 1}}]

    assert rewrite_pipeline(wrap(nested)) == wrap(dotted)


def test_expressions_patterns_and_repeated_operators_are_left_alone() -> None:
    stage = {"$addFields": {"a": {"$cond": {"if": True, "then": {"b": 1}, "else": {}}}, "empty": {}}}
    pattern = {"$and": [{"a": {"$regex": "^a", "$options": "i"}}, {"a": {"$regex": "b$", "$options": ""}}]}
    repeated = {"$and": [{"a": {"$gt": 1}}, {"a": {"$gt": 2}}]}

    assert rewrite_pipeline([stage]) == [stage]
    assert rewrite_filter(pattern) == {"a": pattern["$and"][0]["a"], "$and": [pattern["$and"][1]]}
    assert rewrite_filter(repeated) == {"a": {"$gt": 1}, "$and": [{"a": {"$gt": 2}}]}


def test_joined_columns_are_the_other_document_s(db: None) -> None:

    permission = Permission.objects.select_related("content_type").get(codename="add_permission")

    assert (permission.content_type.app_label, permission.content_type.model) == ("auth", "permission")


def test_updates_and_deletions_of_a_range_change_what_is_in_it(db: None) -> None:
    collection = connection.get_collection("engine")
    collection.insert_many({"_id": number, "at": number} for number in range(10))
    middle = {"$and": [{"at": {"$gte": 3}}, {"$and": [{"at": {"$lt": 6}}, {"at": {"$ne": None}}]}]}

    updated = collection.update_many(middle, [{"$set": {"seen": {"by": {"$literal": "us"}}}}])
    deleted = collection.delete_many({"$and": [{"at": {"$lt": 3}}, {"at": {"$exists": True}}]})

    assert (updated.modified_count, deleted.deleted_count) == (3, 3)
    assert collection.find_one({"_id": 4}) == {"_id": 4, "at": 4, "seen": {"by": "us"}}
