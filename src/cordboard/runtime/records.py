"""The files of call records that the configuration asks for."""

from pathlib import Path

from cordboard.config.options import ApplicationOptions
from cordboard.ops.record_files import JsonLines, RecordFile, Roll, RollingCsv


def record_files(options: ApplicationOptions) -> list[RecordFile]:
    """Opens them. Raises OSError, which names the file."""
    files: list[RecordFile] = []
    if options.cdr_file:
        files.append(JsonLines(Path(options.cdr_file)))
    if options.cdr_csv_file:
        roll = Roll(options.cdr_csv_roll)
        path = Path(options.cdr_csv_file)
        files.append(RollingCsv(path, roll, size=options.cdr_csv_size, keep=options.cdr_csv_keep))
    return files
