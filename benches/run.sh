#!/usr/bin/env bash
#
# Compares this library with others that serve the same requests, in one run on
# one machine: upstream libwebsockets with the same C program, and nginx and h2o
# where they are installed.
#
#   benches/run.sh             medians of 3 rounds, about five minutes
#   benches/run.sh --quick     1 short round, about one minute: for a first look
#   benches/run.sh --check     exits with 1 if a budget is missed
#   benches/run.sh --no-build  takes target/release as it is
#   benches/run.sh --poll      bench-server with a poll() loop of its own
#   benches/run.sh --instructions  only how many of them a request takes, here; other work on the machine does not matter
#
#   DEBIAN_LWS_ROOT   where Debian's libwebsockets is unpacked: see prepare.sh
#   SERVER_CORE, LOAD_CORE   cores to pin to (0 and 1)
#
# Needs cc, openssl, taskset, h2load (nghttp2-client) and python3. wrk and
# valgrind are used where installed; a missing one leaves a row out.

. "$(dirname "$0")/prepare.sh"

out=$target/bench
server_core=${SERVER_CORE:-0}
load_core=${LOAD_CORE:-1}
rounds=3 seconds=2 idle=1000 callgrind_requests=2000
build=1 check=0 loop= only_instructions=0

for option in "$@"; do
	case $option in
	--quick) rounds=1 seconds=1 idle=300 callgrind_requests=1000 ;;
	--check) check=1 ;;
	--no-build) build=0 ;;
	--poll) loop=--poll ;;
	--instructions) only_instructions=1 ;;
	*) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
done

for tool in cc openssl taskset h2load python3; do
	has $tool || die "$tool is needed"
done
ulimit -n "$(ulimit -H -n)"

mkdir -p "$out/www"
pids=()
cleanup() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || continue
		timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid"
	done
}
trap cleanup EXIT

# --- what is served ---------------------------------------------------------

printf 'hello world\n' >"$out/www/small"
head -c 100000 /dev/zero | tr '\0' x >"$out/www/file"
cp "$out/www/file" "$out/www/big"
cp "$out/www/file" "$out/www/whole"
certificate "$out"

# --- the servers: bench-server with each library, nginx, h2o ----------------

[ $build = 0 ] || (cd "$repo" && cargo build --release --quiet)
servers=(ferrows)
if [ $only_instructions = 1 ]; then
	compile_with bench-server "$out/ferrows" "$repo/include" "$target/release/libwebsockets.so"
else
	compile bench-server "$out"
	[ ! -x "$out/lws/bench-server" ] || servers+=(lws)
fi
! has nginx || servers+=(nginx)
! has h2o || servers+=(h2o)

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# await_port PORT PID LOG: until the process accepts connections there
await_port() {
	until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
		kill -0 "$2" 2>/dev/null || die "$(cat "$3")"
		sleep 0.05
	done
}

# bench_server NAME OPTION…: starts it, optionally under $wrapper; sets pid, port
bench_server() {
	local line name=$1
	shift
	exec {from}< <(exec taskset -c "$server_core" ${wrapper:-} "$out/$name/bench-server" --www "$out/www" $loop "$@" 2>"$out/$name/log")
	pid=$!
	pids+=("$pid")
	read -r line <&"$from" || die "bench-server with $name does not start: $(cat "$out/$name/log")"
	port=${line##*:}
}

# start NAME: sets pid (of the process that has the TLS port), plain_pid, tls, plain
start() {
	local dir=$out/$1
	mkdir -p "$dir"
	case $1 in
	nginx)
		tls=$(free_port) plain=$(free_port)
		cat >"$dir/nginx.conf" <<-EOF
			daemon off;
			user root;
			worker_processes 1;
			error_log $dir/error.log;
			pid $dir/nginx.pid;
			events { worker_connections 8192; }
			http {
				access_log off;
				sendfile on;
				keepalive_timeout 600;
				keepalive_requests 1000000000;
				client_body_temp_path $dir/body;
				proxy_temp_path $dir/proxy;
				fastcgi_temp_path $dir/fastcgi;
				uwsgi_temp_path $dir/uwsgi;
				scgi_temp_path $dir/scgi;
				server {
					listen 127.0.0.1:$tls ssl http2;
					listen 127.0.0.1:$plain;
					ssl_certificate $out/both.pem;
					ssl_certificate_key $out/both.pem;
					default_type text/plain;
					root $out/www;
					location = /small { return 200 "hello world\n"; }
				}
			}
		EOF
		taskset -c "$server_core" nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" 2>"$dir/log" &
		pid=$!
		pids+=($pid)
		plain_pid=$pid
		await_port "$tls" $pid "$dir/log"
		;;
	h2o)
		tls=$(free_port) plain=$(free_port)
		cat >"$dir/h2o.conf" <<-EOF
			user: root
			num-threads: 1
			max-connections: 8192
			http1-request-timeout: 600
			http2-idle-timeout: 600
			listen:
			  host: 127.0.0.1
			  port: $plain
			listen:
			  host: 127.0.0.1
			  port: $tls
			  ssl:
			    certificate-file: $out/both.pem
			    key-file: $out/both.pem
			    ocsp-update-interval: 0
			hosts:
			  default:
			    paths:
			      /:
			        file.dir: $out/www
		EOF
		taskset -c "$server_core" h2o -c "$dir/h2o.conf" >"$dir/log" 2>&1 &
		pid=$!
		pids+=($pid)
		plain_pid=$pid
		await_port "$tls" $pid "$dir/log"
		;;
	*)
		bench_server "$1"
		plain=$port plain_pid=$pid
		bench_server "$1" --tls "$out/both.pem"
		tls=$port
		;;
	esac
}

# --- measuring --------------------------------------------------------------

# What a server that stalls may take before it has failed.
patience=120

# cpu_ticks PID: clock ticks the server and its helper processes have used
cpu_ticks() {
	local process sum=0
	for process in "$1" $(pgrep -P "$1"); do
		sum=$((sum + $(sed 's/.*) //' "/proc/$process/stat" | awk '{ print $12 + $13 }')))
	done
	echo $sum
}

# h2load_rate URL OPTION…: requests a second, or "failed" if any request did
h2load_rate() {
	local url=$1
	shift
	timeout $patience taskset -c "$load_core" h2load -t1 -D "$seconds" --warm-up-time=0 "$@" "$url" |
		awk '/^finished/ { rate = $4 } /^requests:/ { failed = $10 } /^status codes:/ { other = $5 + $7 + $9 }
			END { print (rate + 0 == 0 || failed + other > 0) ? "failed" : rate }'
}

wrk_rate() {
	timeout $patience taskset -c "$load_core" wrk -t1 -c16 -d"${seconds}s" "$1" |
		awk '/^Requests\/sec/ { rate = $2 } /Non-2xx|Socket errors/ { failed = 1 }
			END { print (rate + 0 == 0 || failed) ? "failed" : rate }'
}

# The server may have helper processes: what they use counts.
resident_kib() {
	local sum=0 process kib
	for process in "$1" $(pgrep -P "$1"); do
		kib=$(awk '/^VmRSS/ { print $2 }' "/proc/$process/status")
		sum=$((sum + kib))
	done
	echo $sum
}

# KiB that a connection takes while it idles after one request
idle_kib() {
	local before after line
	timeout $patience h2load -n 200 -c 4 "https://127.0.0.1:$2/small" >/dev/null
	before=$(resident_kib "$1")
	coproc holder { exec python3 "$here/idle-connections.py" 127.0.0.1 "$2" "$idle" /small; }
	local holder_pid=$holder_PID
	read -r line <&"${holder[0]}" || die "idle-connections.py ended early"
	after=$(resident_kib "$1")
	exec {holder[1]}>&-
	wait "$holder_pid" || die "idle connections were closed"
	awk -v kib=$((after - before)) -v n="$idle" 'BEGIN { printf "%.1f\n", kib / n }'
}

# Instructions for a run of COUNT requests, startup and shutdown included: STREAMS of HTTP/2 at a time, or h1.
instructions() {
	local name=$1 count=$2 streams=$3
	local serves=(--tls "$out/both.pem") asks=(-c 8 -m "$streams") scheme=https
	[ "$streams" != h1 ] || serves=() asks=(--h1 -c 16 -m 1) scheme=http
	pids=() # this is a subshell, with its own server to end
	trap cleanup EXIT
	wrapper="valgrind --tool=callgrind --callgrind-out-file=$out/$name/callgrind.out" bench_server "$name" "${serves[@]}"
	timeout $patience h2load -n "$count" "${asks[@]}" "$scheme://127.0.0.1:$port/small" |
		grep -q "$count succeeded" || die "$name under callgrind: failed requests"
	kill "$pid"
	tail --pid="$pid" -f /dev/null
	awk '/Collected :/ { print $4 }' "$out/$name/log"
}

# Startup cancels in the difference of two runs.
instructions_per_request() {
	local once twice
	once=$(instructions "$1" "$callgrind_requests" "$2")
	twice=$(instructions "$1" $((2 * callgrind_requests)) "$2")
	echo $(((twice - once) / callgrind_requests))
}

median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# --- the run ----------------------------------------------------------------

if [ $only_instructions = 1 ]; then
	for streams in 16 1; do
		echo "instructions per request, $streams at a time: $(instructions_per_request ferrows $streams)"
	done
	echo "instructions per request, h1: $(instructions_per_request ferrows h1)"
	exit
fi

declare -A tls_of plain_of pid_of plain_pid_of rate cpu failed result
for server in "${servers[@]}"; do
	start "$server"
	tls_of[$server]=$tls plain_of[$server]=$plain pid_of[$server]=$pid plain_pid_of[$server]=$plain_pid
done

echo "load average before the run: $(cut -d' ' -f1 /proc/loadavg) (anything else that runs distorts the figures)"

# Name, unit, tool and arguments of each rate. The servers take turns, so that
# whatever else the machine does hits all of them.
rates=(
	"small|req/s|h2load|https|/small|-c8 -m16"
	"small, 1 stream|req/s|h2load|https|/small|-c8 -m1"
	"100 kB in 16 kB writes|MB/s|h2load|https|/big|-c8 -m16"
	"100 kB in one write|MB/s|h2load|https|/whole|-c8 -m16"
	"100 kB file|MB/s|h2load|https|/file|-c8 -m16"
	"h1 small, h2load|req/s|h2load|http|/small|--h1 -c16 -m1"
)
! has wrk || rates+=("h1 small, wrk|req/s|wrk|http|/small|")

for ((round = 1; round <= rounds; round++)); do
	for entry in "${rates[@]}"; do
		IFS='|' read -r name unit tool scheme path arguments <<<"$entry"
		for server in "${servers[@]}"; do
			# upstream sends a frame that is too big, and loses the connection
			if [ "$path" = /whole ] && [ "$server" = lws ]; then continue; fi
			port=${tls_of[$server]}
			[ $scheme = https ] || port=${plain_of[$server]}
			url=$scheme://127.0.0.1:$port$path
			worker=${pid_of[$server]}
			[ $scheme = https ] || worker=${plain_pid_of[$server]}
			ticks=$(cpu_ticks "$worker")
			if [ "$tool" = wrk ]; then value=$(wrk_rate "$url")
			else value=$(h2load_rate "$url" $arguments); fi
			if [ "$value" = failed ]; then
				echo "$server: failed requests: $name" >&2
				failed[$name|$server]=1
				continue
			fi
			ticks=$(($(cpu_ticks "$worker") - ticks))
			cpu[$name|$server]+="$(awk -v ticks=$ticks -v hz="$(getconf CLK_TCK)" -v rate="$value" -v seconds="$seconds" \
				'BEGIN { printf "%.2f", ticks / hz * 1e6 / (rate * seconds) }') "
			[ "$unit" = req/s ] || value=$(awk -v rate="$value" 'BEGIN { print rate * 100000 / 1e6 }')
			rate[$name|$server]+="$value "
		done
	done
done
for key in "${!rate[@]}"; do
	result[$key]=$(tr ' ' '\n' <<<"${rate[$key]% }" | median | awk '{ printf "%.0f", $1 }')
done

for key in "${!cpu[@]}"; do
	result["CPU, ${key}"]=$(tr ' ' '\n' <<<"${cpu[$key]% }" | median)
done

for key in "${!failed[@]}"; do result[$key]=failed; done

# Of fresh servers: what the requests above have left in the heap would be taken for the connections, and not counted.
for server in "${servers[@]}"; do
	start "$server"
	result["idle connection|$server"]=$(idle_kib "$pid" "$tls")
done

if has valgrind; then
	for server in ferrows lws; do
		[ -x "$out/$server/bench-server" ] || continue
		result["instructions, 16 streams|$server"]=$(instructions_per_request $server 16)
		result["instructions, 1 stream|$server"]=$(instructions_per_request $server 1)
		result["instructions, h1|$server"]=$(instructions_per_request $server h1)
	done
fi

# --- the table --------------------------------------------------------------

ratio() { # MINE THEIRS
	awk -v a="${1:-0}" -v b="${2:-0}" 'BEGIN { if (b + 0 == 0 || a + 0 == 0) print "-"; else printf "%.2f\n", a / b }'
}

echo
printf '%-30s %-6s' "" ""
printf ' %10s' "${servers[@]}"
for server in "${servers[@]:1}"; do printf ' %9s' "/ $server"; done
echo
row() {
	printf '%-30s %-6s' "$1" "$2"
	for server in "${servers[@]}"; do printf ' %10s' "${result[$1|$server]:--}"; done
	for server in "${servers[@]:1}"; do printf ' %9s' "$(ratio "${result[$1|ferrows]:-}" "${result[$1|$server]:-}")"; done
	echo
}
for entry in "${rates[@]}"; do
	IFS='|' read -r name unit _ <<<"$entry"
	row "$name" "$unit"
done
for entry in "${rates[@]}"; do
	IFS='|' read -r name _ <<<"$entry"
	row "CPU, $name" us/req
done
row "idle connection" KiB
row "instructions, 16 streams" /req
row "instructions, 1 stream" /req
row "instructions, h1" /req
echo
echo "CPU is the server's, user and system; it suffers less from what else the machine does than rates do."
echo "h2 over TLS unless it says h1; small is 12 bytes; 8 connections of 16 streams, h1: 16 connections"

# --- the budgets ------------------------------------------------------------

missed=0
budget() { # TEXT CONDITION-IN-AWK VALUE REFERENCE
	[ -n "${3:-}" ] && [ -n "${4:-}" ] || return 0
	if [ "$3" != failed ] && awk -v a="$3" -v b="$4" "BEGIN { exit !($2) }"; then echo "met     $1"
	else echo "missed  $1"; missed=1; fi
}
echo
h1="h1 small, wrk"
has wrk || h1="h1 small, h2load"
budget "small: 8 times lws" "a >= 8 * b" "${result[small|ferrows]:-}" "${result[small|lws]:-}"
budget "100 kB in one write: ahead of h2o" "a >= b" "${result[100 kB in one write|ferrows]:-}" "${result[100 kB in one write|h2o]:-}"
budget "h1 small: nginx" "a >= b" "${result[$h1|ferrows]:-}" "${result[$h1|nginx]:-}"
budget "idle connection: 24 KiB" "a <= b" "${result[idle connection|ferrows]}" 24
budget "instructions, 16 streams: 18 000" "a <= b" "${result[instructions, 16 streams|ferrows]:-}" 18000
budget "instructions, 1 stream: 25 000" "a <= b" "${result[instructions, 1 stream|ferrows]:-}" 25000
[ $check = 0 ] || exit $missed
