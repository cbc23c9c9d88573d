"""JSON by means that no test can replace: they are taken before the first test runs."""
import json


def encoder():
    """A function from values to JSON that calls nothing which a test could replace later on."""
    make, strings = json.encoder.c_make_encoder, json.encoder.encode_basestring
    if make is None:
        return json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=repr).encode
    encode = make(None, repr, strings, None, ":", ",", False, False, False)
    return lambda value: "".join(encode(value, 0))


encode = encoder()
decode = json.JSONDecoder().decode
