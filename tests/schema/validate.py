"""Reads a schema and lines of "+" or "-" and an instance; fails where the validator judges otherwise."""
import json
import sys

from jsonschema import Draft202012Validator

lines = sys.stdin.read().split("\n")
schema = json.loads(lines[0])
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
wrong = 0
for line in filter(None, lines[1:]):
    errors = [e.message for e in validator.iter_errors(json.loads(line[1:]))]
    if (line[0] == "+") == bool(errors):
        wrong += 1
        print(line[:200], errors[:3])
print(len(lines) - 2, "instances,", wrong, "judged otherwise")
sys.exit(wrong > 0)
