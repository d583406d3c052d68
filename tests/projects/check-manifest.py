"""What Kubernetes would refuse, or a person regret, in a deployment that `aeon new` wrote: check-manifest.py FILE"""
import sys

import yaml

deployment, *rest = yaml.safe_load_all(open(sys.argv[1]))
assert (deployment['apiVersion'], deployment['kind']) == ('apps/v1', 'Deployment')
template = deployment['spec']['template']
assert deployment['spec']['selector']['matchLabels'].items() <= template['metadata']['labels'].items()

pod = template['spec']
container, = pod['containers']
ports = {port['name']: port['containerPort'] for port in container['ports']}
for probe, path in ('startupProbe', '/startupz'), ('readinessProbe', '/readyz'), ('livenessProbe', '/livez'):
    assert container[probe]['httpGet']['path'] == path and container[probe]['httpGet']['port'] in ports
assert template['metadata']['annotations']['prometheus.io/port'] == str(ports['admin'])
assert all(isinstance(entry['value'], str) and '@' not in entry['value'] for entry in container['env'])

# The grace period that is told is the one that is given, and holds drain delay, graceful timeout and clean-up timeout.
assert f"--grace-period={pod['terminationGracePeriodSeconds']}s" in container['args']
assert '--drain-delay=5s' in container['args'] and pod['terminationGracePeriodSeconds'] > 5 + 30 + 5

claims = {document['metadata']['name'] for document in rest if document['kind'] == 'PersistentVolumeClaim'}
volumes = {volume['name']: volume['persistentVolumeClaim']['claimName'] for volume in pod.get('volumes', [])}
assert set(volumes.values()) == claims
assert {mount['name'] for mount in container.get('volumeMounts', [])} == volumes.keys()
