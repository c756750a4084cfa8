"""The schema version of this code. Written by make migration."""

VERSION = "20261129071557"
