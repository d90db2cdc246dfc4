"""Mutants of C sources and of the X-macro tables: one small change of one place each.

Code:   comparisons (boundary and negation), && ||, !, the constant 1 at a bound, and in gate.c the words that stand for
        conditions (LESS, AT_MOST, less_wide, aged, off_step; | and & between them).
Tables: every row dropped, and every column that decides something changed.
A mutant is (file, line number, the line as it was, the line as it becomes, what was done)."""
import re
import zlib
from collections import namedtuple

Mutant = namedtuple("Mutant", "path line_no before after what")


def mask(text):
    """The text with comments, strings and character constants blanked, so that places found in it are code."""
    out, i, n = [], 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == "/*":
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
        elif two == "//":
            end = text.find("\n", i)
            end = n if end < 0 else end
        elif text[i] in "\"'":
            end = i + 1
            while end < n and text[end] != text[i]:
                end += 2 if text[end] == "\\" else 1
            end += 1
        else:
            out.append(text[i])
            i += 1
            continue
        out.append("".join(c if c == "\n" else " " for c in text[i:end]))
        i = end
    return "".join(out)


BOUND = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
OPERATORS = re.compile(r"(?P<shift><<=?|>>=?|->)|(?P<compare><=|>=|==|!=|<|>)|(?P<logic>&&|\|\|)|(?P<no>!(?!=))"
                       r"|(?P<one>[+-] ?1\b(?![.0-9]))")
WORDS = re.compile(r"\b(LESS|AT_MOST|less_wide|aged|off_step)\(|( [|&] )|( [|&]= )")
SKIPPED = re.compile(r"\s*#\s*(include|if|ifdef|ifndef|elif|endif|error|undef|pragma)\b|\s*TG_STATIC_ASSERT|\s*(TG_)?ASSERT\b")


def replaced(line, start, end, text):
    return line[:start] + text + line[end:]


def of_code(path, text, words):
    """Mutants of a .c or .h file; words: also the branch-free conditions."""
    lines, masked = text.split("\n"), mask(text).split("\n")
    for no, (line, code) in enumerate(zip(lines, masked), 1):
        if SKIPPED.match(code):
            continue
        for m in OPERATORS.finditer(code):
            found, changes = m.group(), []
            if m.group("compare"):
                changes = [BOUND[found]] if found in BOUND else []
                changes.append(NEGATED[found])
            elif m.group("logic"):
                changes = ["||" if found == "&&" else "&&"]
            elif m.group("no"):
                changes = [" "]
            elif m.group("one"):
                if not code[:m.start()].rstrip()[-1:] in (")", "]") and not re.search(r"\w$", code[:m.start()].rstrip()):
                    continue  # a sign, not a sum
                changes = [" "]
            for to in changes:
                shown = to if to.strip() else "nothing"
                yield Mutant(path, no, line, replaced(line, m.start(), m.end(), to), f"{found} at {m.start()} becomes {shown}")
        if words:
            yield from of_words(path, no, line, code)


def of_words(path, no, line, code):
    for m in WORDS.finditer(code):
        name = m.group(1)
        if code.lstrip().startswith(("#define", "INLINE", "static")):
            if name or code.lstrip().startswith(("INLINE", "static")):
                continue  # a definition
        if name:
            yield Mutant(path, no, line, replaced(line, m.start(), m.start(), "0 * "), f"{name} at {m.start()} never holds")
        if name in ("LESS", "AT_MOST"):
            other = "AT_MOST" if name == "LESS" else "LESS"
            yield Mutant(path, no, line, replaced(line, m.start(1), m.end(1), other), f"{name} at {m.start()} becomes {other}")
        elif not name:
            found = m.group()
            other = found.translate(str.maketrans("|&", "&|"))
            yield Mutant(path, no, line, replaced(line, m.start(), m.end(), other),
                         f"{found.strip()} at {m.start()} becomes {other.strip()}")


def row_spans(line, code, name):
    """(start, end, arguments) of every NAME(...) in the line."""
    for m in re.finditer(r"(?<![\w])" + name + r"\(", code):
        depth, at, args, begin = 1, m.end(), [], m.end()
        while at < len(code) and depth:
            c = code[at]
            depth += (c == "(") - (c == ")")
            if (c == "," and depth == 1) or depth == 0:
                args.append((begin, at))
                begin = at + 1
            at += 1
        if depth == 0:
            yield m.start(), at, [(b, e, line[b:e].strip()) for b, e in args]


def columns(path, no, line, span, column, choices, what):
    begin, end, now = span[2][column]
    for to in choices:
        if to != now:
            yield Mutant(path, no, line, replaced(line, begin, end, to), f"{what}: {now} becomes {to}")


def dropped(path, no, line, span, what):
    return Mutant(path, no, line, replaced(line, span[0], span[1], ""), f"{what}: row dropped")


def of_gates(path, text):
    for no, (line, code) in enumerate(zip(text.split("\n"), mask(text).split("\n")), 1):
        for span in row_spans(line, code, "GATE") if line.startswith("GATE(") else ():
            what = span[2][1][2]
            yield from columns(path, no, line, span, 2, ("ALL", "PLACE_AMEND", "PLACE", "INCREASE", "BY_FSM"), what)
            yield from columns(path, no, line, span, 3, ("NO", "YES", "TOUCH", "SHARE", "TABLE"), what)
            yield from columns(path, no, line, span, 4, ("0",), what)
        for span in row_spans(line, code, "REASON") if line.startswith("REASON(") else ():
            what = "reason " + span[2][2][2]
            yield from columns(path, no, line, span, 1, (str(1 + int(span[2][1][2])),), what)


def of_limits(path, text):
    """The L(NAME, field, needed by a reduction) rows of limits.h."""
    for no, (line, code) in enumerate(zip(text.split("\n"), mask(text).split("\n")), 1):
        for span in row_spans(line, code, "L") if line.startswith("  L(") else ():
            what = "limit " + span[2][0][2]
            yield from columns(path, no, line, span, 2, ("0", "1"), what)


FSM_STATES = ("INIT", "READY", "ACTIVE", "THROTTLED", "PAUSED", "DEGRADED", "EMERGENCY")


def of_lifecycle(path, text):
    for no, (line, code) in enumerate(zip(text.split("\n"), mask(text).split("\n")), 1):
        for span in row_spans(line, code, "STATE") if line.startswith("STATE(") else ():
            for column, name in ((2, "increase"), (3, "reduce"), (4, "cancel")):
                yield from columns(path, no, line, span, column, ("0", "1"), f"{span[2][0][2]} {name}")
        for span in row_spans(line, code, "T") if line.startswith("T(") else ():
            what = f"row {span[2][0][2]} {span[2][2][2]}"
            yield dropped(path, no, line, span, what)
            yield from columns(path, no, line, span, 3, FSM_STATES, what + " to")
            begin, end, sources = span[2][1]
            for name in FSM_STATES:
                bit = f"S({name})"
                if bit in sources.replace(" ", "") and "|" in sources:
                    less = "|".join(part for part in sources.replace(" ", "").split("|") if part != bit)
                    yield Mutant(path, no, line, replaced(line, begin, end, less), f"{what}: not from {name}")
                elif bit not in sources:
                    yield Mutant(path, no, line, replaced(line, begin, end, f"({sources}) ^ {bit}"),
                                 f"{what}: from {name} turned over")
        for span in row_spans(line, code, "FORCE") if line.startswith("FORCE(") else ():
            what = f"force {span[2][0][2]} to {span[2][1][2]}"
            yield dropped(path, no, line, span, what)
            yield from columns(path, no, line, span, 1, ("ACTIVE", "DEGRADED", "EMERGENCY"), what)


ORDER_NEXT = ("SAME", "REST", "AMEND_SENT", "CANCEL_SENT", "PLACE_UNKNOWN", "REST_UNKNOWN", "FILLED", "CANCELED", "REJECTED", "GONE")
ORDER_ACTIONS = ("NONE", "TAKE", "FILL", "LATE", "QUERY", "WAIT", "END", "REOPEN")


def of_order(path, text):
    """Every row dropped; its next state and its action changed to two others (all others: eight times the work)."""
    for no, (line, code) in enumerate(zip(text.split("\n"), mask(text).split("\n")), 1):
        if not (line.startswith("T(") or line.startswith("  T(")):
            continue
        for span in row_spans(line, code, "T"):
            what = f"{span[2][0][2]} x {span[2][1][2]}"
            yield dropped(path, no, line, span, what)
            for column, choices in ((2, ORDER_NEXT), (3, ORDER_ACTIONS)):
                others = [c for c in choices if c != span[2][column][2]]
                at = zlib.crc32(what.encode()) % len(others)  # stays when lines move
                yield from columns(path, no, line, span, column, (others[at], others[(at + 3) % len(others)]), what)


TABLES = {"risk/gates.def": of_gates, "engine/core/lifecycle.def": of_lifecycle, "engine/core/order.def": of_order}


def all_of(root, paths):
    """Every mutant of the named files, in order."""
    for path in paths:
        with open(f"{root}/{path}", encoding="utf-8") as f:
            text = f.read()
        if path in TABLES:
            yield from TABLES[path](path, text)
            continue
        if path == "risk/limits.h":
            yield from of_limits(path, text)
        yield from of_code(path, text, path in ("risk/gate.c",))
