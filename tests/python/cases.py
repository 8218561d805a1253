"""Runs the second verifier on many cases in one process, for tests that compare it with the first.

    python3 cases.py VERIFY_PY CASES_JSON

The cases are a list of {path, key, checkpoints, receipts}; a list of results, each {exit, findings} or {exit, error},
is printed as JSON.
"""
import contextlib
import importlib.util
import io
import json
import sys


def load(path):
    """The verifier as a module."""
    spec = importlib.util.spec_from_file_location("verify", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(verify, case):
    arguments = [case["path"], case["key"], "--json"]
    for option in ("checkpoint", "receipt"):
        for path in case[option + "s"]:
            arguments += ["--" + option, path]
    out, err = io.StringIO(), io.StringIO()
    out.reconfigure = err.reconfigure = lambda **_: None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        exit = verify.main(arguments)
    if exit not in (0, 1, 4):
        return {"exit": exit, "error": err.getvalue()}
    report = json.loads(out.getvalue())
    findings = [[finding["kind"], finding["index"]] for finding in report["findings"]["listed"]]
    return {"exit": exit, "findings": findings, "counts": report.get("counts"), "more": report.get("more"),
            "sources": report.get("sources"), "breaks": report.get("breaks")}


def main():
    sys.dont_write_bytecode = True
    verify = load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = json.load(file)
    json.dump([run(verify, case) for case in cases], sys.stdout)


if __name__ == "__main__":
    main()
