"""Servers that tests start as processes of their own."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class S3Server:
    """moto's S3 server, which refuses requests that are not signed by its one key."""

    url: str
    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it needs."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self) -> str:
        """A new, empty bucket's name."""
        name = f"bucket-{secrets.token_hex(4)}"
        _client("s3", self.url, self.key, self.secret).create_bucket(Bucket=name)
        return name


def start_s3_server(host: str = "127.0.0.1") -> "tuple[S3Server, subprocess.Popen[bytes]]":
    """A running server, and its process to end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.s3", host, str(port)],
        cwd=Path(__file__).parents[2],
        # After the three calls that make the key, only calls with it are answered.
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(port)
    url = f"http://127.0.0.1:{port}"
    iam = _client("iam", url, "none", "none")
    iam.create_user(UserName="tests")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="tests", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="tests")["AccessKey"]
    return S3Server(url, key["AccessKeyId"], key["SecretAccessKey"]), process


def _client(service: str, url: str, key: str, secret: str) -> Any:  # noqa: ANN401 - made at run time
    import boto3  # noqa: PLC0415 - for the few tests that need a server

    return boto3.client(
        service,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
    )


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"no server listens on port {port}")
