"""The dispatcher: hands on what happened (catalog/outbox) to webhooks and to the operator's alert address.

What may happen, and the rows, stand in catalog/outbox; no Dagster here.
"""
