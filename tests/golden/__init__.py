"""What this version says and makes, frozen: the API's description, the commands' help and output, the demo's lake.

A change of any of them is meant, or it is a regression. `python -m tests.golden` freezes them anew; say in the change log
why they differ. `python -m tests.golden --compare OTHER_HOME --home HOME` compares two homes to the last byte.

| file | what |
|---|---|
| openapi.json | the REST description, as a site serves it |
| cli-help.txt | `--help` of every command |
| cli-demo.txt | what the reading commands print in the demo's home, for people and as JSON |
| lake.json | rows, columns and a hash of the rows of every table that the demo makes, and of every object |

Imports nothing of the product: it is asked through its command, its site and its files.
"""
