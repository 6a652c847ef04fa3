"""Starts the client: `python3 main.py`, in the environment that the README lists."""

import logging
import os

import train
from fedstratus_client import serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    serve(train, os.environ.get("HOST", ""), int(os.environ.get("PORT", "8080")))
