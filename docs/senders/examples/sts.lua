-- SPDX-License-Identifier: BSD-3-Clause
local kumo = require 'kumo'
local sts = {}

-- { r=, mode=, mx={...}, why=, ... }. An error when there is no answer.
function sts.verdict(domain, tries)
  local text = kumo.dns.lookup_txt(domain .. '.sts.', 'sts')[1] -- its strings are joined
  local answer = { mx = {} }
  for tag, value in text:gmatch '([^=; ]+)=([^;]*)' do
    if tag == 'mx' then
      table.insert(answer.mx, value)
    else
      answer[tag] = value
    end
  end
  if answer.v ~= 'STSQ1' then
    error('no answer of stsd: ' .. text)
  end
  if answer.r == 'pending' and (tries or 3) > 1 then
    kumo.time.sleep(tonumber(answer.retry))
    return sts.verdict(domain, (tries or 3) - 1)
  end
  return answer
end

-- Whether a policy allows an MX host; `*.` stands for one label.
function sts.allows(mx, host)
  local name = host:lower():gsub('%.$', '')
  local wild = name:gsub('^[^.]+', '*')
  for _, pattern in ipairs(mx) do
    if pattern == name or pattern == wild then
      return true
    end
  end
  return false
end

-- The MX hosts to use when the domain enforces a policy, nil when it does not. An
-- error when nobody can say, or when no host is allowed: mail waits.
function sts.hosts(domain)
  local answer = sts.verdict(domain)
  if answer.r == 'unknown' or answer.r == 'pending' then
    error('MTA-STS of ' .. domain .. ': ' .. (answer.why or answer.r))
  end
  if answer.r ~= 'policy' or answer.mode ~= 'enforce' then
    return nil
  end
  local hosts = {}
  for _, host in ipairs(kumo.dns.lookup_mx(domain).hosts) do
    if sts.allows(answer.mx, host) then
      table.insert(hosts, host)
    end
  end
  if #hosts == 0 then
    error('MTA-STS of ' .. domain .. ': no MX host is in the policy')
  end
  return hosts
end

return sts
