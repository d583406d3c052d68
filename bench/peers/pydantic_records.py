"""pydantic, with the same checks as records.c: pydantic_records.py decode|encode FILE N"""

import sys
import time

from pydantic_order import Order

mode, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(path, "rb") as file:
    text = file.read()
order = Order.model_validate_json(text)
begin = time.process_time()
if mode == "decode":
    for _ in range(count):
        Order.model_validate_json(text)
else:
    for _ in range(count):
        order.model_dump_json()
print(f"{(time.process_time() - begin) * 1e9 / count:.1f}")
