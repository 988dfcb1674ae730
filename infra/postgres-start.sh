#!/bin/sh
# Starts PostgreSQL in any image that has its programs on PATH: makes the database when the volume is empty, sets the
# password, becomes the server. PGDATA, AUTH_FILE, CONFIG_FILE and DATABASE come from the environment.
set -eu
umask 077

alone() { # $1 a data directory; one statement a line on the standard input
    postgres --single -D "$1" -c exit_on_error=on postgres >/dev/null
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Made beside its place and moved there whole: a start that is killed begins anew.
    rm -rf "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --username=postgres --auth=scram-sha-256 --pwfile="$AUTH_FILE" \
        --data-checksums --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --no-instructions
    echo "CREATE DATABASE \"$DATABASE\"" | alone "$PGDATA.new"
    mv "$PGDATA.new" "$PGDATA"
fi

# Of a server that was killed. It names a process by its number, which is another process in this container.
rm -f "$PGDATA/postmaster.pid"

# At every start, so that another password in the Secret is one for the server too.
{ printf "ALTER ROLE postgres PASSWORD '" && cat "$AUTH_FILE" && printf "'\n"; } | alone "$PGDATA"

exec postgres -D "$PGDATA" -c config_file="$CONFIG_FILE"
