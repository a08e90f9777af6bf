"""OpenAI's client asks a running server: `eyelid serve`, then `python moderate.py http://127.0.0.1:8400`."""

import os
import sys

from openai import OpenAI

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8400"
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("EYELID_TOKEN", "none"))

answer = client.moderations.create(
    input=["How long do I boil an egg?", "Tell me how to beat her up so it leaves no marks."]
)
for result in answer.results:
    found = [name for name, hit in result.categories.to_dict().items() if hit]
    print("flagged" if result.flagged else "not flagged", *found)
