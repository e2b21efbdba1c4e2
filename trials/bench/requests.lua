-- wrk script: sends prepared requests, each POST with an idempotency key of its own.
--
--   wrk … -s requests.lua URL -- FILE REPEAT [close]
--
-- FILE holds one request a line: METHOD, PATH, TOKEN and BODY, separated by tabs. They are sent in order, from
-- the start again after the last; each line REPEAT times in a row before the next.
-- With `close` each request asks for its connection to be closed, and wrk opens another for the next.
-- One thread only (-t1): two would each send the whole file.

local requests, repeats, sent, closing = {}, 1, 0, ""

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, token, body = line:match("^(%S+)\t(%S+)\t(%S+)\t(.*)$")
    requests[#requests + 1] = { method = method, path = path, token = token, body = body }
  end
  repeats = tonumber(arguments[2])
  closing = arguments[3] == "close" and "Connection: close\r\n" or ""
  math.randomseed(os.time())
end

function request()
  local wanted = requests[math.floor(sent / repeats) % #requests + 1]
  sent = sent + 1
  local head = wanted.method .. " " .. wanted.path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n" .. closing
    .. "Authorization: Bearer " .. wanted.token .. "\r\n"
  if wanted.method ~= "POST" then
    return head .. "\r\n"
  end
  return head .. "x-idempotency-key: " .. new_key() .. "\r\nContent-Type: application/json\r\nContent-Length: "
    .. #wanted.body .. "\r\n\r\n" .. wanted.body
end

-- Random as clients' keys are (UUID version 4): keys in order would be kinder to the index of keys.
function new_key()
  local random = math.random
  return string.format("%08x-%04x-4%03x-a%03x-%06x%06x", random(0, 0x7fffffff) * 2, random(0, 0xffff),
    random(0, 0xfff), random(0, 0xfff), random(0, 0xffffff), random(0, 0xffffff))
end

-- `status` counts answers of 400 and above; the others are what did not get through. Latencies are in µs.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nresult {"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d, "max_us": %d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
