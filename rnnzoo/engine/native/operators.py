"""The elementwise operators that a kernel may hold: name → C++ expression, and which are too dear to compute twice."""

EXPRESSIONS: dict[str, str] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "abs": "magnitude({0})",
    "sqrt": "square_root({0})",
    "rsqrt": "real(1) / square_root({0})",
    "reciprocal": "real(1) / {0}",
    "square": "{0} * {0}",
    "tanh": "vector_tanh({0})",
    "sigmoid": "vector_sigmoid({0})",
    "exp": "vector_exp({0})",
    "expm1": "vector_expm1({0})",
    "log": "std::log({0})",
    "log1p": "std::log1p({0})",
    "sin": "std::sin({0})",
    "cos": "std::cos({0})",
    "atan2": "std::atan2({0}, {1})",
    "erf": "std::erf({0})",
    "pow": "std::pow({0}, {1})",
    "fmod": "std::fmod({0}, {1})",
    "floor": "std::floor({0})",
    "ceil": "std::ceil({0})",
    "trunc": "std::trunc({0})",
    # written so that a NaN in the argument comes out as NaN, as in PyTorch
    "relu": "{0} < 0 ? real(0) : {0}",
    "maximum": "({0} > {1} || {0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1} || {0} != {0}) ? {0} : {1}",
    "clamp_min": "{0} < {1} ? {1} : {0}",
    "clamp_max": "{0} > {1} ? {1} : {0}",
    "sign": "real(({0} > 0) - ({0} < 0))",
    "sgn": "real(({0} > 0) - ({0} < 0))",
    "gt": "{0} > {1}",
    "lt": "{0} < {1}",
    "ge": "{0} >= {1}",
    "le": "{0} <= {1}",
    "eq": "{0} == {1}",
    "ne": "{0} != {1}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
    "cast": "real({0})",
}
"""Operator → expression in its operands, which are names or numbers."""

CONDITIONS = frozenset({"gt", "lt", "ge", "le", "eq", "ne", "logical_and", "logical_or", "logical_not"})
"""Operators whose value is a truth value; it lives in a loop only and is never stored."""

DEAR = frozenset({"tanh", "sigmoid", "exp", "expm1", "log", "log1p", "sin", "cos", "atan2", "erf", "pow", "fmod"})
"""Operators that cost more than storing the value and reading it again."""

SAME_NAME = frozenset(EXPRESSIONS) - {"cast"}
"""ATen operators that have the name they have here, with tensors and numbers as operands in the same order."""
