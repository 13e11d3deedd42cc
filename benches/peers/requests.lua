-- Requests in turn for each caller of a file of lines "path token". A POST gets an Idempotency-Key of its own, a
-- UUID of version 7.
local targets, at, sent, post, high, run = {}, 0, 0, false, 0, 0
local body = '{"text":"您好，请问子女教育专项附加扣除怎么填？"}'

function init(args)
  post = args[1] == "POST"
  run = tonumber(args[3])
  high = os.time() * 1000
  for line in io.lines(args[2]) do
    local path, token = line:match("^(%S+) (%S+)$")
    local head = args[1] .. " " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. token .. "\r\n"
    if post then
      targets[#targets + 1] = head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\nIdempotency-Key: "
    else
      targets[#targets + 1] = head .. "\r\n"
    end
  end
end

function request()
  at = at % #targets + 1
  if not post then return targets[at] end
  sent = sent + 1
  local millis = high + math.floor(sent / 16)
  local key = string.format("%08x-%04x-7%03x-8000-%04x%08x", math.floor(millis / 65536), millis % 65536, sent % 4096, run, sent)
  return targets[at] .. key .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
