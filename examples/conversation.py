#!/usr/bin/env python3
"""One conversation over HTTP, from both sides. Python 3.10 or later, standard library only.

    python3 examples/conversation.py [BASE_URL [TAXPAYER_LOGIN TAXPAYER_PASSWORD OFFICER_LOGIN OFFICER_PASSWORD]]

or by environment: BASE_URL, TAXPAYER_LOGIN, TAXPAYER_PASSWORD, OFFICER_LOGIN, OFFICER_PASSWORD, and LINE (id or name;
the first open line otherwise). Nobody else may wait in that line meanwhile. Exits non-zero if anything is off.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

WAIT_S = 10.0


def given(index: int, name: str, default: str | None = None) -> str:
    value = sys.argv[index] if len(sys.argv) > index else os.environ.get(name, default)
    if value is None:
        sys.exit(f"{name} is missing: give it as an argument or in the environment")
    return value


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def check(fact: bool, what: str) -> None:
    """Like assert, but also under python -O."""
    if not fact:
        raise AssertionError(what)


def same(found: Any, wanted: Any, what: str = "") -> None:
    check(found == wanted, f"{what or 'unexpected'}: {found!r}, wanted {wanted!r}")


def new_key() -> str:
    """UUID v7: the time first, then chance. Sorted by key is sorted by time, which stores like."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


class Refused(Exception):
    """What a client is refused with. ``code`` is stable; programs decide by it."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')} {problem.get('title', '')}")
        self.status = status
        self.code = problem.get("code")
        self.related = problem.get("related")


# Talks to the named host itself, whatever proxies the environment knows of.
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def refusal(error: urllib.error.HTTPError) -> Refused:
    try:
        problem = json.loads(error.read())
    except ValueError:
        problem = {}  # a gateway answered in its own words
    return Refused(error.code, problem)


class Person:
    def __init__(self, api: str, token: str | None = None, kind: str = "") -> None:
        self.api, self.token, self.kind = api, token, kind
        self.heard: list[dict[str, Any]] = []
        self.news = threading.Condition()
        self.greeted = threading.Event()
        self.failed: Exception | None = None

    @classmethod
    def sign_in(cls, api: str, login: str, password: str) -> Person:
        answer = cls(api).call("POST", "/sessions", {"login": login, "password": password})
        return cls(api, answer["token"], answer["kind"])

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"} | headers
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return urllib.request.Request(self.api + path, data=data, method=method, headers=headers)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """One call. With a key it may be repeated: the host answers the same, and does it once."""
        headers = {"Idempotency-Key": key} if key else {}
        repeatable = bool(key) or method in ("GET", "PUT")
        attempt = 0
        while True:
            wait = 0.2 * 2**attempt
            try:
                with web.open(self.request(method, path, body, **headers), timeout=20) as response:
                    text = response.read()
                return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code != 503 or not repeatable or attempt >= 5:
                    raise refusal(error) from None
                after = error.headers.get("Retry-After") or ""
                wait = max(wait, float(after) if after.isdigit() else 0)
            except (OSError, http.client.HTTPException):
                # No answer: it may have been done or not. The same key makes asking again safe.
                if not repeatable or attempt >= 5:
                    raise
            time.sleep(wait)
            attempt += 1

    def write(self, path: str, body: Any, key: str | None = None) -> Any:
        return self.call("POST", path, body, key or new_key())

    def follow(self) -> None:
        """Follows live events on a thread. Returns once the host has said hello; from then on nothing is missed."""
        threading.Thread(target=self._follow, daemon=True).start()
        check(self.greeted.wait(WAIT_S), f"{self.kind}: no hello")
        if self.failed:
            raise self.failed

    def _follow(self) -> None:
        cursor, attempt = None, 0
        while True:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": cursor} if cursor else {})
            try:
                with web.open(self.request("GET", "/events", **headers), timeout=60) as stream:
                    data: list[str] = []
                    for raw in stream:
                        line = raw.decode().rstrip("\r\n")
                        if line.startswith("data:"):
                            data.append(line[5:].lstrip())
                        elif not line and data:
                            frame, data = json.loads("\n".join(data)), []
                            if frame["type"] == "hello":
                                cursor = cursor or frame["cursor"]
                                self.greeted.set()
                            elif frame["type"] == "event":
                                cursor = frame["event"]["cursor"]
                                self._hear(frame["event"])
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    self.failed = refusal(error)
                    self.greeted.set()
                    return
            except (OSError, http.client.HTTPException):
                pass  # the stream broke: continue behind the last cursor
            time.sleep(min(5.0, 0.2 * 2**attempt))
            attempt += 1

    def _hear(self, event: dict[str, Any]) -> None:
        with self.news:
            if all(e["cursor"] != event["cursor"] for e in self.heard):
                self.heard.append(event)
                self.news.notify_all()

    def hears(self, kind: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first event that fits, heard already or to come."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.heard if e["kind"] == kind and fits(e)), None)

        with self.news:
            event = self.news.wait_for(found, WAIT_S)
            if not event:
                raise AssertionError(f"{self.kind} heard no {kind} within {WAIT_S} s; heard {[e['kind'] for e in self.heard]}")
            return event


def refused(code: str, work: Callable[[], Any]) -> Refused:
    try:
        work()
    except Refused as error:
        same(error.code, code)
        return error
    raise AssertionError(f"expected {code}, but it was done")


def tidy(taxpayer: Person, officer: Person, line: str) -> None:
    """Ends what an earlier run that was broken off left open."""
    for c in taxpayer.call("GET", "/me/conversations?limit=50")["items"]:
        if c["line"] == line and c["state"] == "waiting":
            taxpayer.write(f"/conversations/{c['id']}/leave", {})
        if c["line"] == line and c["state"] == "active":
            officer.write(f"/conversations/{c['id']}/close", {"outcome": "no_answer", "note": None})


def serves(officer: Person, line: str) -> bool:
    """Not every line is this officer's to serve."""
    try:
        officer.call("GET", f"/lines/{line}/waiting?limit=1")
    except Refused:
        return False
    return True


def main() -> None:
    api = given(1, "BASE_URL", "http://127.0.0.1:8080").rstrip("/") + "/api/v1"
    taxpayer = Person.sign_in(api, given(2, "TAXPAYER_LOGIN"), given(3, "TAXPAYER_PASSWORD"))
    officer = Person.sign_in(api, given(4, "OFFICER_LOGIN"), given(5, "OFFICER_PASSWORD"))
    same((taxpayer.kind, officer.kind), ("taxpayer", "officer"))
    step("both signed in")

    wanted = os.environ.get("LINE")
    lines = taxpayer.call("GET", "/lines")["items"]
    candidates = [ln for ln in lines if (wanted in (ln["id"], ln["name"]) if wanted else ln["open"])]
    line = next((ln for ln in candidates if serves(officer, ln["id"])), None)
    if line is None:
        raise AssertionError("there is no open line that this officer serves")
    tidy(taxpayer, officer, line["id"])
    officer.call("PUT", "/me/presence")
    taxpayer.follow()
    officer.follow()
    step(f"both follow live events; line “{line['name']}”, {line['waiting']} waiting")

    entered = taxpayer.write(f"/lines/{line['id']}/conversations", {"topic": "子女教育专项附加扣除"})
    mine = entered["conversation"]
    at = f"/conversations/{mine}"
    step(f"the taxpayer entered: ticket {entered['ticket']}")
    again = refused("interaction.already_in_line", lambda: taxpayer.write(f"/lines/{line['id']}/conversations", {"topic": "再来一次"}))
    same(again.related, mine)
    position = taxpayer.call("GET", f"{at}/position")
    same((position["state"], position["ahead"]), ("waiting", 0), "somebody else waits in this line, choose another with LINE")
    check(position["estimate"]["officers"] >= 1, "the officer is present")
    officer.hears("line.entered")

    claimed = officer.write(f"/lines/{line['id']}/claims", {})
    same(claimed["conversation"], mine)
    taxpayer.hears("conversation.claimed", lambda e: e["conversation"] == mine)
    step("the officer claimed it, and the taxpayer heard so")

    key, question = new_key(), {"text": "您好，请问子女教育怎么填？"}
    sent = taxpayer.write(f"{at}/messages", question, key)
    same(taxpayer.write(f"{at}/messages", question, key), sent, "the same key again is the same message")
    refused("idempotency.key_reused", lambda: taxpayer.write(f"{at}/messages", {"text": "另一句"}, key))
    step(f"the taxpayer wrote message {sent['number']}, twice with one key; it is there once")

    message = officer.hears("message.sent", lambda e: e["conversation"] == mine and e["number"] == sent["number"])["message"]
    same((message["text"], message["mine"], message["client_id"]), (question["text"], False, key))
    same(officer.call("GET", at)["unread"], 1, "unread")
    officer.call("PUT", f"{at}/read-mark", {"number": sent["number"]})
    taxpayer.hears("messages.read", lambda e: not e["mine"] and e["number"] == sent["number"])
    same(officer.call("GET", at)["unread"], 0, "unread")
    step("the officer heard and read it, and the taxpayer saw the read mark")

    answer = officer.write(f"{at}/messages", {"text": "您好，请打开个税应用。"})
    same(answer["number"], sent["number"] + 1)
    reply = taxpayer.hears("message.sent", lambda e: e["conversation"] == mine and e["number"] == answer["number"])
    same(reply["message"]["text"], "您好，请打开个税应用。")
    taxpayer.call("PUT", f"{at}/read-mark", {"number": answer["number"]})
    officer.hears("messages.read", lambda e: not e["mine"] and e["number"] == answer["number"])
    step("the officer answered; the taxpayer heard and read it")

    officer.write(f"{at}/close", {"outcome": "resolved", "note": "已解答"})
    taxpayer.hears("conversation.closed", lambda e: e["conversation"] == mine)
    refused("interaction.closed", lambda: taxpayer.write(f"{at}/messages", {"text": "谢谢"}))
    step("the officer closed it as resolved; nothing can be written any more")

    transcript = taxpayer.call("POST", f"{at}/transcript", {})
    same((transcript["conversation"]["state"], transcript["conversation"]["outcome"]), ("closed", "resolved"))
    written = [(m["number"], m["mine"], m["text"]) for m in transcript["messages"]]
    same(written, [(1, True, question["text"]), (2, False, "您好，请打开个税应用。")], "messages")
    kinds = [e["kind"] for e in transcript["events"]]
    same(kinds, ["conversation.entered", "conversation.claimed", "message.sent", "messages.read", "message.sent", "messages.read", "conversation.closed"], "events")
    step(f"the transcript has {len(written)} messages and {len(kinds)} events, in order")

    told = [e["number"] for e in taxpayer.heard if e["kind"] == "message.sent" and e["conversation"] == mine]
    same(told, [1, 2], "every message is told once")
    for person in (taxpayer, officer):
        person.call("DELETE", "/sessions/current")
    refused("access.sign_in_required", lambda: taxpayer.call("GET", "/me"))
    step("both signed out")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused, OSError, http.client.HTTPException) as error:
        sys.exit(f"FAILED: {type(error).__name__}: {error}")
    print("OK")
