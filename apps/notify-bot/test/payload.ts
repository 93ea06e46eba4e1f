/** What Alertmanager 0.25 posts for two firing alerts of one group. */
export const payload = {
  version: "4",
  groupKey: '{}/{severity="page"}:{alertname="HighLatency"}',
  truncatedAlerts: 0,
  status: "firing",
  receiver: "aurochs",
  groupLabels: { alertname: "HighLatency" },
  commonLabels: { alertname: "HighLatency", severity: "page" },
  commonAnnotations: {},
  externalURL: "http://alertmanager.example.org:9093",
  alerts: [
    {
      status: "firing",
      labels: { alertname: "HighLatency", instance: "web-1", severity: "page" },
      annotations: { summary: "p99 above 2 s on web-1" },
      startsAt: "2026-11-23T02:14:33.528Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://prometheus.example.org:9090/graph?g0.expr=up",
      fingerprint: "c4a5c1f2f1b8f9f7",
    },
    {
      status: "firing",
      labels: { alertname: "HighLatency", instance: "web-2", severity: "page" },
      annotations: { summary: "p99 above 2 s on web-2" },
      startsAt: "2026-11-23T02:15:03.528Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://prometheus.example.org:9090/graph?g0.expr=up",
      fingerprint: "1f2f1b8f9f7c4a5c",
    },
  ],
} as const
