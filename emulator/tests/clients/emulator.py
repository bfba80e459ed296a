"""boto3 clients of the emulator that check every answer against botocore's own service model, and its control API.

The environment says where the emulator is (EMULATOR) and how CloudHSM is spoken (PROTOCOL: json or cbor).
"""

import datetime
import io
import json
import os
import urllib.request

import boto3
import botocore.config
import botocore.parsers
import botocore.session

URL = os.environ["EMULATOR"]
PROTOCOL = os.environ.get("PROTOCOL", "json")
WIRE_NAMES = {"json": "json", "cbor": "smithy-rpc-v2-cbor"}
A, B, C = ("backup-" + letter * 11 for letter in "abc")
NOBODY = "backup-" + "z" * 11

def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_control/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def _session():
    """A session that speaks PROTOCOL, whichever botocore would choose."""
    core = botocore.session.get_session()
    loader = core.get_component("data_loader")
    load = loader.load_service_model

    def load_with_protocol(service, kind, api_version=None):
        model = load(service, kind, api_version)
        if service == "cloudhsmv2" and kind == "service-2":
            metadata = {**model["metadata"], "protocols": [WIRE_NAMES[PROTOCOL]]}
            model = {**model, "metadata": metadata}
        return model

    loader.load_service_model = load_with_protocol
    return boto3.Session(botocore_session=core)


def cloudhsm(account="111122223333", region="us-east-1", attempts=1, **credentials):
    credentials = credentials or {
        "aws_access_key_id": f"AKIA{account}TEST",
        "aws_secret_access_key": "secret",
    }
    config = botocore.config.Config(
        retries={"total_max_attempts": attempts, "mode": "standard"}, connect_timeout=20, read_timeout=20
    )
    client = _session().client("cloudhsmv2", region_name=region, endpoint_url=URL, config=config, **credentials)
    assert client.meta.service_model.resolved_protocol == WIRE_NAMES[PROTOCOL]
    client.meta.events.register("response-received.cloudhsm-v2", _check_answer)
    return client


def _decode(body):
    if PROTOCOL == "json":
        return json.loads(body)
    return botocore.parsers.RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))


def _check_answer(response_dict, **_):
    """The raw body of every success has the shape that the model gives the operation's output."""
    if response_dict is not None and response_dict["status_code"] == 200 and expected:
        operation = expected.pop()
        walk(operation.output_shape, _decode(response_dict["body"]), operation.name)


# The operation whose answer is to be checked next.
expected = []


def call(client, method, **arguments):
    """Calls an operation and checks the answer against the model."""
    name = client.meta.method_to_api_mapping[method]
    expected[:] = [client.meta.service_model.operation_model(name)]
    answer = getattr(client, method)(**arguments)
    assert not expected, f"{name} wasn't checked"
    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPHeaders"]["x-amzn-requestid"] == metadata["RequestId"]
    return answer


def walk(shape, value, where):
    """Checks a raw value: no unknown members, no missing ones, no wrong types."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), (where, value)
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{where}: the model doesn't know {unknown}"
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{where}: the model requires {missing}"
        for name, member in value.items():
            walk(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), (where, value)
        for index, item in enumerate(value):
            walk(shape.member, item, f"{where}[{index}]")
    elif shape.type_name == "timestamp":
        if PROTOCOL == "json":
            assert isinstance(value, (int, float)) and not isinstance(value, bool), (where, value)
        else:
            assert isinstance(value, datetime.datetime), (where, value)
    else:
        types = {"string": str, "boolean": bool, "integer": int}
        assert type(value) is types[shape.type_name], (where, value)


def fails(code, status, run):
    """Expects an error of this code and status; answers its message."""
    try:
        answer = run()
    except botocore.exceptions.ClientError as error:
        found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert found == (code, status), found
        assert error.response["ResponseMetadata"]["RequestId"]
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected, not {answer}")
