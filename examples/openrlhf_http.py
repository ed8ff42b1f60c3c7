"""OpenRLHF's remote reward over HTTP: starts `personalrm serve` and sends requests in OpenRLHF's format.

In OpenRLHF: --reward.remote_url http://HOST:PORT/keys/KEY/users/mira/get_reward (it sends no headers)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHOICES = [json.loads(line) for line in Path(__file__).with_name("mira.jsonl").read_text("utf-8").splitlines()]
ANSWERS = ("Nine minutes.", "That may well depend on a great many things, so do check!")


def asked(url: str, body: Any = None) -> Any:
    """The JSON response to a GET, or to a POST of JSON."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, sent, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return json.load(answer)


def port_of(server: subprocess.Popen[str]) -> int:
    """The port in the log line with the address."""
    assert server.stderr is not None
    for line in server.stderr:
        if '"event":"listening"' in line:
            return int(json.loads(line)["port"])
    raise SystemExit("the service did not start")


def wait_until_learned(person: str) -> None:
    while not asked(person)["up_to_date"]:
        time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PERSONALRM_DATABASE": f"sqlite:///{folder}/store.sqlite"}
        command = [sys.executable, "-m", "personalrm", "serve", "--open", "--port", "0"]
        server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            url = f"http://127.0.0.1:{port_of(server)}"
            person = f"{url}/v1/people/mira"
            sent = [{name: value for name, value in one.items() if name != "user"} for one in CHOICES]
            asked(f"{person}/choices", {"choices": sent})
            wait_until_learned(person)
            prompt = "<|im_start|>user\nHow long does pasta take?<|im_end|>\n<|im_start|>assistant\n"
            query = [f"{prompt}{one}<|im_end|>" for one in ANSWERS]
            body = {"query": query, "prompts": [prompt] * 2, "labels": [None, None]}
            found = asked(f"{url}/users/mira/get_reward", body)
            for reward, answer in zip(found["rewards"], ANSWERS, strict=True):
                print(f"{reward:+.2f}  {answer}")
        finally:
            server.terminate()
            server.communicate(timeout=60)


if __name__ == "__main__":
    main()
