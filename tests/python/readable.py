"""Measures how long the second verifier is to read, and prints it as JSON.

    python3 readable.py VERIFY_PY
"""
import ast
import json
import re
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    lines = text.splitlines()
    heads = [(number, re.match("# +([0-9]+)  ", line)) for number, line in enumerate(lines)]
    parts = {int(head.group(1)): number for number, head in heads if head}
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    json.dump({"whole": len(lines), "core": parts[7] - parts[1], "parts": list(parts),
               "longest": max(node.end_lineno - node.lineno + 1 for node in functions),
               "widest": max(map(len, lines))}, sys.stdout)


if __name__ == "__main__":
    main()
