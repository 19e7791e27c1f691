# SPDX-License-Identifier: Apache-2.0
"""What people are told and asked in a window beside the page.

It is a document of this program's, in a window that no page can reach. It shows what the browser told, and has a
button for each answer. Nothing in it is secret.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>breakglass</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 18px; color: #111; background: #fff }}
h1 {{ font-size: 17px; margin: 0 0 10px }} li {{ margin: 5px 0 }} dl {{ display: grid;
grid-template-columns: auto 1fr; gap: 2px 12px; margin: 12px 0; color: #333 }} dd {{ margin: 0; font-weight: 600 }}
button {{ font: inherit; padding: 8px 14px; margin: 4px 8px 4px 0; border: 1px solid #444; border-radius: 4px;
background: #f2f2f2; cursor: pointer }} p#said {{ color: #a00; min-height: 1.4em }}
</style></head><body><h1>{title}</h1><ol>{steps}</ol><dl>{facts}</dl><p id="said"></p>{buttons}
<script>
for (const one of document.querySelectorAll("button")) one.onclick = () => breakglass(one.id);
function show(facts, said) {{
  for (const [name, text] of Object.entries(facts)) document.getElementById("fact-" + name).textContent = text;
  document.getElementById("said").textContent = said;
}}
</script></body></html>"""

FACTS = {"asserted": "logins by passkey seen", "made": "new passkeys seen"}
"""What the panel counts."""


def page(title: str, steps: Sequence[str], buttons: Mapping[str, str]) -> str:
    """Return the panel's document.

    Args:
        title: what this is about.
        steps: what people do, in their order.
        buttons: text of each answer, by the word that it stands for.
    """
    return _PAGE.format(
        title=escape(title),
        steps="".join(f"<li>{escape(step)}</li>" for step in steps),
        facts="".join(f'<dt>{text}</dt><dd id="fact-{name}">0</dd>' for name, text in FACTS.items()),
        buttons="".join(f'<button id="{name}">{escape(text)}</button>' for name, text in buttons.items()),
    )


def shown(facts: Mapping[str, int], said: str) -> str:
    """Return the script that shows what was counted, and a sentence."""
    return f"show({json.dumps({name: str(number) for name, number in facts.items()})}, {json.dumps(said)})"
