-- SPDX-License-Identifier: BSD-3-Clause
local kumo = require 'kumo'
local sts = require 'sts'

kumo.on('pre_init', function()
  if kumo.dns.set_mta_sts_enabled then -- of 2026.09 and newer
    kumo.dns.set_mta_sts_enabled(false) -- stsd decides
  end
end)

kumo.on('init', function()
  kumo.dns.define_resolver('sts', { Hickory = { name_servers = { '192.0.2.53:5300' } } })
  -- spools, listeners and logs as you have them
end)

-- An enforced domain has MX hosts of its own list, and so a ready queue of its own.
kumo.on('get_queue_config', function(domain, tenant, campaign, routing_domain)
  local hosts = sts.hosts(routing_domain or domain)
  return kumo.make_queue_config {
    protocol = hosts and { smtp = { mx_list = hosts } },
  }
end)

kumo.on('get_egress_path_config', function(routing_domain, egress_source, site_name)
  return kumo.make_egress_path {
    enable_mta_sts = false,
    enable_tls = sts.hosts(routing_domain) and 'Required' or 'OpportunisticInsecure',
  }
end)
