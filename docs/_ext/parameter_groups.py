"""Headings between the parameters of classes that have many."""

from itertools import groupby

from docutils import nodes

MANY = 20
# The first parameters of each group, in the order of the docstrings.
FIRST = {
    "epsilons": "Search",
    "epsilon": "Smoothing",
    "distribution": "Smoothing",
    "hidden_layer_sizes": "Network",
    "optimizer": "Optimization",
    "early_stopping": "Early stopping",
    "class_weight": "Class weights and label noise",
    "calibration": "Calibration",
    "warm_start": "Computation",
    "device": "Computation",
}


def group(app, domain, objtype, content):
    """Divide the list of a class's parameters by headings."""
    if objtype != "class":
        return
    for field in content.findall(nodes.field):
        if field[0].astext() == "Parameters":
            for parameters in list(field[1].findall(nodes.definition_list)):
                if parameters.parent is field[1] and len(parameters) > MANY:
                    parameters.replace_self(divide(parameters))


def divide(parameters):
    heading = None
    headings = []
    for item in parameters:
        heading = FIRST.get(item[0].astext().split(" ")[0], heading)
        headings.append(heading)
    divided = []
    pairs = zip(headings, list(parameters), strict=True)
    for heading, members in groupby(pairs, key=lambda pair: pair[0]):
        divided.append(nodes.rubric("", heading, classes=["parameter-group"]))
        divided.append(nodes.definition_list("", *(item for _, item in members)))
    return divided


def setup(app):
    app.connect("object-description-transform", group)
    return {"parallel_read_safe": True}
