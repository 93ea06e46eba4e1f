/** What Alertmanager 0.25 posts to a webhook receiver when two alerts of a group fire. */
export const alertmanagerPayload = {
  receiver: "aurochs",
  status: "firing",
  alerts: [
    {
      status: "firing",
      labels: {
        alertname: "DiskAlmostFull",
        instance: "db-1.example.org",
        mountpoint: "/var/lib/postgresql",
        severity: "page",
      },
      annotations: {
        summary: "4 % of /var/lib/postgresql is left",
        description: "At this rate it is full in 3 hours.",
      },
      startsAt: "2026-11-23T02:14:33.528Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://prometheus.example.org:9090/graph?g0.expr=node_filesystem_avail_bytes",
      fingerprint: "c4a5c1f2f1b8f9f7",
    },
    {
      status: "firing",
      labels: {
        alertname: "DiskAlmostFull",
        instance: "db-2.example.org",
        mountpoint: "/var/lib/postgresql",
        severity: "page",
      },
      annotations: { summary: "6 % of /var/lib/postgresql is left" },
      startsAt: "2026-11-23T02:16:03.528Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://prometheus.example.org:9090/graph?g0.expr=node_filesystem_avail_bytes",
      fingerprint: "1f2f1b8f9f7c4a5c",
    },
  ],
  groupLabels: { alertname: "DiskAlmostFull" },
  commonLabels: { alertname: "DiskAlmostFull", mountpoint: "/var/lib/postgresql", severity: "page" },
  commonAnnotations: {},
  externalURL: "http://alertmanager.example.org:9093",
  version: "4",
  groupKey: '{}:{alertname="DiskAlmostFull"}',
  truncatedAlerts: 0,
} as const
