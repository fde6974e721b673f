"""What the ports of a cluster's nodes answer. It runs inside containers, from standard input.

`python - listening` prints the ports that others can reach here; `python - TOKEN HOST:PORT ...`
what each answers: `closed`, `refused` without the token, or else what it gave.
"""

import json
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc

LISTENING, LOOPBACK = "0A", ("7F", "00000000000000000000000001000000")

METHODS = (
    "CoreWorkerService/GetCoreWorkerStats",
    "NodeInfoGcsService/GetAllNodeInfo",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Push",
    "RayletDriver/ClusterInfo",
    "ReporterService/GetTraceback",
)
"""One of each service that Ray's nodes have."""


def listening() -> list[int]:
    """Ports with a listener that is not on loopback alone."""
    ports = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(file, encoding="ascii") as table:  # noqa: PTH123 - as short as it can be
            for line in table.readlines()[1:]:
                _, local, _, state, *_ = line.split()
                address, port = local.split(":")
                # IPv4 addresses are written backwards.
                if state == LISTENING and not (address.endswith(LOOPBACK[0]) and len(address) == 8):
                    ports |= {int(port, 16)} if address != LOOPBACK[1] else set()
    return sorted(ports)


def answer(place: str, token: str) -> str:
    """What a port gives whoever comes with this token, or without one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(f"http://{place}/", headers=headers)
        with urllib.request.urlopen(request, timeout=4) as page:  # noqa: S310
            return "metrics" if page.read(6) == b"# HELP" else "page"
    except urllib.error.HTTPError as error:
        return "refused" if error.code in {401, 403} else f"status {error.code}"
    except urllib.error.URLError:
        return "closed"
    except Exception:  # noqa: BLE001 - it speaks something else than HTTP
        return grpc_answer(place, token)


def grpc_answer(place: str, token: str) -> str:
    """What it gives of all methods: `refused` where it has one, and none was carried out."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    found = set()
    for method in METHODS:
        call = grpc.insecure_channel(place).unary_unary(f"/ray.rpc.{method}")
        try:
            call(b"", timeout=4, metadata=metadata)
            found.add("carried out")
        except grpc.RpcError as error:
            found.add(error.code().name)
    found.discard("UNIMPLEMENTED")
    return "refused" if found == {"UNAUTHENTICATED"} else f"gRPC {sorted(found)}"


if __name__ == "__main__":
    if sys.argv[1] == "listening":
        sys.stdout.write(json.dumps(listening()))
    else:
        token, *places = sys.argv[1:]
        with ThreadPoolExecutor(len(places)) as pool:
            answers = pool.map(lambda place: answer(place, token), places)
            sys.stdout.write(json.dumps(dict(zip(places, answers, strict=True))))
