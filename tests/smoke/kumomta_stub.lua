-- SPDX-License-Identifier: BSD-3-Clause
-- The part of KumoMTA's Lua interface that docs/senders/examples/ uses, over dig: of
-- stsd for the resolver 'sts', of $MX_SERVER for MX records. Usage, for a domain:
--   lua5.4 kumomta_stub.lua EXAMPLES DOMAIN
-- It loads kumomta.lua, fires its events for the domain as KumoMTA does, and prints
-- TLS mode and MX hosts, or `wait: ` and why.

local examples, domain = arg[1], arg[2]
package.path = examples .. '/?.lua'

local function dig(server, port, name, kind)
  local command = ("dig @%s -p %s +short +tries=2 +time=3 '%s' %s"):format(server, port, name, kind)
  local pipe = assert(io.popen(command))
  local text = pipe:read 'a'
  if not pipe:close() or text == '' then
    error(name .. ': no answer')
  end
  return text
end

local handlers, resolvers = {}, {}
package.preload.kumo = function()
  local kumo = { dns = {}, time = {} }
  function kumo.on(event, handler)
    handlers[event] = handler
  end
  function kumo.time.sleep(seconds)
    assert(os.execute('sleep ' .. seconds))
  end
  function kumo.make_queue_config(config)
    return config
  end
  function kumo.make_egress_path(config)
    return config
  end
  function kumo.dns.set_mta_sts_enabled(enabled)
    assert(enabled == false)
  end
  function kumo.dns.define_resolver(name, config)
    resolvers[name] = config.Hickory.name_servers[1]
  end
  function kumo.dns.lookup_txt(name, resolver)
    local _, port = assert(resolvers[resolver]):match '^(.*):(%d+)$'
    return { (dig(os.getenv 'STSD', port, name, 'TXT'):gsub('" "', ''):gsub('[\n"]', '')) }
  end
  function kumo.dns.lookup_mx(name)
    local hosts = {}
    for host in dig(os.getenv 'MX_SERVER', 53, name, 'MX'):gmatch '%d+ (%S+)\n' do
      table.insert(hosts, host)
    end
    return { hosts = hosts }
  end
  return kumo
end

dofile(examples .. '/kumomta.lua')
handlers.pre_init()
handlers.init()
local ok, fault = pcall(function()
  local queue = handlers.get_queue_config(domain, nil, nil, nil)
  local path = handlers.get_egress_path_config(domain, 'source', 'site')
  assert(path.enable_mta_sts == false)
  local hosts = queue.protocol and queue.protocol.smtp.mx_list or { 'its MX hosts' }
  print(path.enable_tls, table.concat(hosts, ' '))
end)
if not ok then
  print('wait: ' .. tostring(fault):gsub('^[^:]+:%d+: ', ''))
end
