import pytest

from common.errors import UserError
from perception import contract
from perception.perceive import Network

GOOD_INPUTS = {contract.INPUT: (contract.INPUT_SHAPE, "tensor(uint8)")}
GOOD_OUTPUTS = {name: (shape, "tensor(float)") for name, shape in contract.OUTPUT_SHAPES.items()}


def test_a_network_of_this_contract_passes():
    contract.check("x.onnx", contract.metadata(), GOOD_INPUTS, GOOD_OUTPUTS)


@pytest.mark.parametrize("key", sorted(contract.metadata()))
def test_any_other_metadata_is_refused_in_one_line(key):
    other = contract.metadata() | {key: "another"}
    with pytest.raises(UserError) as error:
        contract.check("x.onnx", other, GOOD_INPUTS, GOOD_OUTPUTS)
    assert "\n" not in str(error.value)
    assert "x.onnx" in str(error.value)


def test_a_missing_output_is_named():
    outputs = {name: port for name, port in GOOD_OUTPUTS.items() if name != "light"}
    with pytest.raises(UserError, match="output light"):
        contract.check("x.onnx", contract.metadata(), GOOD_INPUTS, outputs)


def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path):
    path = tmp_path / "junk.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(UserError) as error:
        Network(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="which is none"):
        Network(tmp_path / "none.onnx")


def test_a_foreign_network_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "foreign", [value], [result])
    opset = [onnx.helper.make_opsetid("", 17)]
    path = tmp_path / "foreign.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    with pytest.raises(UserError, match="carries no"):
        Network(path)
