"""Kinds of recursion: C code that follows data which are nested deep.

The data are made by a loop, so that only what is done with them recurses.
"""

import ast
import collections
import copy
import functools
import io
import itertools
import json
import json.encoder
import marshal
import pickle
import re
import traceback
import types
import xml.etree.ElementTree as ElementTree

from .kind import DEPTH, kind


def nested(wrap, innermost=None, depth=DEPTH):
    """`wrap(wrap(… wrap(innermost) …))`."""
    for _ in range(depth):
        innermost = wrap(innermost)
    return innermost


def nested_elements(depth):
    """XML elements, each in another."""
    root = at = ElementTree.Element("a")
    for _ in range(depth):
        at = ElementTree.SubElement(at, "a")
    return root


def in_list(item):
    return [item]


def in_tuple(item):
    return (item,)


def in_dict(item):
    return {"key": item}


@kind("lists: dropping them")
def drop_lists():
    nested(in_list)


@kind("tuples: dropping them")
def drop_tuples():
    nested(in_tuple)


@kind("dicts: dropping them")
def drop_dicts():
    nested(in_dict)


@kind("objects: dropping them")
def drop_objects():
    class Node:
        def __init__(self, item):
            self.item = item

    nested(Node)


@kind("objects with `__slots__`: dropping them")
def drop_slots():
    class Node:
        __slots__ = ("item",)

        def __init__(self, item):
            self.item = item

    nested(Node)


@kind("iterators: dropping them")
def drop_iterators():
    nested(itertools.chain, ())


@kind("exceptions, each the context of the next: dropping them")
def drop_contexts():
    def wrap(inner):
        error = ValueError()
        error.__context__ = inner
        return error

    nested(wrap)


@kind("exceptions: formatting the chain")
def format_contexts():
    def wrap(inner):
        error = ValueError()
        error.__context__ = inner
        return error

    traceback.format_exception(nested(wrap, depth=5000))


@kind("exception groups: `split`")
def split_groups():
    nested(lambda inner: ExceptionGroup("", [inner]), ValueError()).split(TypeError)


@kind("suspended generators: dropping them")
def drop_generators():
    def wrap(inner):
        def made():
            yield inner

        new = made()
        next(new)
        return new

    nested(wrap)


@kind("`yield from` through a chain: `close`")
def close_generators():
    def wrap(inner):
        def made():
            yield from inner

        return made()

    chain = nested(wrap, iter([1]), depth=900)
    next(chain)
    chain.close()


@kind("functions in closures: dropping them")
def drop_closures():
    nested(lambda inner: lambda: inner)


@kind("partials: dropping them")
def drop_partials():
    nested(lambda inner: functools.partial(print, inner))


@kind("elements: dropping them")
def drop_elements():
    nested_elements(DEPTH)


@kind("lists: `repr`")
def repr_lists():
    repr(nested(in_list))


@kind("tuples: `repr`")
def repr_tuples():
    repr(nested(in_tuple))


@kind("dicts: `repr`")
def repr_dicts():
    repr(nested(in_dict))


@kind("deques: `repr`")
def repr_deques():
    # Not so deep that dropping them would be what fails.
    repr(nested(lambda item: collections.deque([item]), depth=5000))


@kind("deques: dropping them", uncounted=150_000)
def drop_deques(depth):
    nested(lambda item: collections.deque([item]), depth=depth)


@kind("lists: `==`")
def compare_lists():
    nested(in_list) == nested(in_list)  # noqa: B015


@kind("tuples: `<`")
def compare_tuples():
    nested(in_tuple, 1) < nested(in_tuple, 2)  # noqa: B015


@kind("dicts: `==`")
def compare_dicts():
    nested(in_dict) == nested(in_dict)  # noqa: B015


@kind("tuples: `hash`", uncounted=200_000)
def hash_tuples(depth):
    hash(nested(in_tuple, depth=depth))


@kind("frozensets: `hash`")
def hash_frozensets():
    hash(nested(lambda item: frozenset([item])))


@kind("iterators: `next` of nested `chain`", uncounted=400_000)
def next_chains(depth):
    next(nested(itertools.chain, (), depth=depth), None)


@kind("iterators: `next` of nested `map`", uncounted=400_000)
def next_maps(depth):
    next(nested(lambda inner: map(int, inner), iter([1]), depth=depth))


@kind("iterators: `next` of nested `filter`", uncounted=400_000)
def next_filters(depth):
    next(nested(lambda inner: filter(None, inner), iter([1]), depth=depth))


@kind("iterators: `next` of nested `zip`", uncounted=400_000)
def next_zips(depth):
    next(nested(zip, iter([1]), depth=depth))


@kind("iterators: `next` of nested `enumerate`", uncounted=400_000)
def next_enumerates(depth):
    next(nested(enumerate, iter([1]), depth=depth))


@kind("partials of partials: calling them", uncounted=400_000)
def call_partials(depth):
    class Partial(functools.partial):
        pass

    def wrap(inner):
        outer = Partial(inner)
        outer.attribute = None
        return outer

    nested(wrap, int, depth=depth)()


@kind("mapping proxies: looking up a key", uncounted=1_000_000)
def mapping_proxies(depth):
    nested(types.MappingProxyType, {"key": 1}, depth=depth)["key"]


@kind("generic aliases: `hash`", uncounted=400_000)
def hash_aliases(depth):
    hash(nested(lambda item: types.GenericAlias(list, (item,)), int, depth=depth))


@kind("tuples: `isinstance`")
def isinstance_tuples():
    isinstance(1, nested(in_tuple, str))


@kind("`copy.deepcopy`")
def deepcopy():
    copy.deepcopy(nested(in_list))


@kind("elements: `copy.deepcopy`", uncounted=150_000)
def deepcopy_elements(depth):
    copy.deepcopy(nested_elements(depth))


@kind("elements: `ElementTree.tostring`")
def elements_to_string():
    ElementTree.tostring(nested_elements(DEPTH))


@kind("`ElementTree.fromstring`")
def elements_from_string():
    ElementTree.fromstring("<a>" * DEPTH + "</a>" * DEPTH)


@kind("`json.dumps`, in C")
def json_dumps():
    json.dumps(nested(in_list))


@kind("`json.dumps`, in Python")
def json_dumps_in_python():
    json.dumps(nested(in_list), indent=1)


@kind("`json.loads`, in C")
def json_loads():
    json.loads("[" * DEPTH + "]" * DEPTH)


@kind("`json.loads`, in Python")
def json_loads_in_python():
    decoder = json.JSONDecoder()
    decoder.parse_array = json.decoder.JSONArray
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    decoder.decode("[" * DEPTH + "]" * DEPTH)


@kind("`pickle.dumps`, in C")
def pickle_dumps():
    pickle.dumps(nested(in_list))


@kind("`pickle.dumps`, in Python")
def pickle_dumps_in_python():
    pickle._Pickler(io.BytesIO()).dump(nested(in_list))


@kind("`pickle.loads`, in C")
def pickle_loads():
    pickle.loads(b"]" * DEPTH + b"a" * (DEPTH - 1) + b".")


@kind("`pickle.loads`, in Python")
def pickle_loads_in_python():
    pickle._loads(b"]" * DEPTH + b"a" * (DEPTH - 1) + b".")


@kind("`marshal.dumps`")
def marshal_dumps():
    marshal.dumps(nested(in_tuple, depth=1900))


@kind("`marshal.loads`")
def marshal_loads():
    marshal.loads(b"(\x01\x00\x00\x00" * 1900 + b"N")


@kind("`compile`: parentheses")
def compile_parentheses():
    compile("(" * 190 + ")" * 190, "", "eval")


@kind("`compile`: signs")
def compile_signs():
    compile("-" * DEPTH + "1", "", "eval")


@kind("`compile`: a sum")
def compile_sum():
    compile("1" + "+x" * DEPTH, "", "eval")


@kind("`compile`: attributes")
def compile_attributes():
    compile("x" + ".x" * DEPTH, "", "eval")


@kind("`compile`: calls")
def compile_calls():
    compile("x" + "()" * DEPTH, "", "eval")


@kind("`compile`: `if` in `if`, 99 deep")
def compile_blocks():
    compile("".join(" " * i + "if x:\n" for i in range(99)) + " " * 99 + "pass", "", "exec")


@kind("`compile`: `elif`")
def compile_elif():
    compile("if x: pass\n" + "elif x: pass\n" * 5000, "", "exec")


@kind("`compile` of a tree: signs")
def compile_tree():
    def wrap(inner):
        return ast.UnaryOp(ast.USub(), inner)

    tree = ast.Expression(nested(wrap, ast.Constant(1)))
    compile(ast.fix_missing_locations(tree), "", "eval")


@kind("`ast.parse`")
def ast_parse():
    ast.parse("-" * DEPTH + "1")


@kind("`ast.literal_eval`")
def literal_eval():
    ast.literal_eval("[" * 190 + "]" * 190)


@kind("`ast.dump` and `ast.unparse`")
def ast_dump():
    tree = ast.parse("x" + "+x" * 900)
    ast.dump(tree)
    ast.unparse(tree)


@kind("`re.compile`: groups")
def re_compile():
    re.compile("(?:" * 50_000 + ")" * 50_000)


@kind("`re.match`: repeated groups")
def re_match():
    re.match(r"(?:a|b)*?c", "ab" * DEPTH)
