# SPDX-License-Identifier: Apache-2.0
"""The files of this folder, as they are printed."""

from importlib.resources import files

_ROOM = "breakglass_shamir.alerts.rules"

SIGMA, KUSTO, PROMETHEUS, GRAFANA = "sigma", "kusto-pipeline", "prometheus", "grafana"
FORMS = (SIGMA, KUSTO, PROMETHEUS, GRAFANA)
"""What can be had."""

_FILES = {KUSTO: "kusto-pipeline.yml", PROMETHEUS: "prometheus.yml", GRAFANA: "grafana.json"}


def sigma() -> dict[str, str]:
    """Return the text of each Sigma rule by its name, in the order of names."""
    folder = files(_ROOM) / "sigma"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".yml")), key=lambda one: one.name)
    return {one.name.removesuffix(".yml"): one.read_text(encoding="utf-8") for one in found}


def text(form: str) -> str:
    """Return what is loaded, of one of ``FORMS``; the Sigma rules as one stream of YAML documents.

    Raises:
        KeyError: there is no such form.
    """
    if form == SIGMA:
        return "---\n".join(sigma().values())
    return (files(_ROOM) / _FILES[form]).read_text(encoding="utf-8")
