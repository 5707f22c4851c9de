SET client_encoding = 'UTF8';
INSERT INTO public.load_balancer (id, group_id, dst_uri, resources, probe_mode, description) VALUES (1, -1, 'sip:[2001:db8::11]:5060', 'calls=0', 1, '');
INSERT INTO "public"."load_balancer" (id, group_id, dst_uri, resources) VALUES (2, -1, 'sip:pbx@10.0.0.12;lr', 'calls=99999999999');
