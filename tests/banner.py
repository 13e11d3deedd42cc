"""Turns the JSON that `zhengna demo --json` prints into shell variables for the example scripts and the browser test."""
import json
import shlex
import sys

banner = json.load(open(sys.argv[1], encoding="utf-8"))
first = {}
for sign_in in banner["sign_ins"]:
    first.setdefault(sign_in["role"], sign_in)
values = {"BASE_URL": banner["address"], "LINE": "个人所得税咨询"}
for role in ("taxpayer", "officer"):
    values[f"{role.upper()}_LOGIN"] = first[role]["login"]
    values[f"{role.upper()}_PASSWORD"] = first[role]["password"]
for name, value in values.items():
    print(f"export {name}={shlex.quote(value)}")
