"""Operations: logs, metrics, the HTTP port, call records. Knows nothing of calls but what it is handed."""
