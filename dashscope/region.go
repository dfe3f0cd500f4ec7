package dashscope

import (
	"fmt"
	"regexp"
	"strings"
)

// Region is a place where the service runs. Each has its own keys, models,
// prices and pace; a key of one region is refused in every other. The zero
// value means [Beijing].
type Region string

// The regions that serve Wan text-to-image models.
const (
	Beijing   Region = "beijing"
	Singapore Region = "singapore"
	Virginia  Region = "virginia"
	Frankfurt Region = "frankfurt"
)

// site tells where a region answers.
type site struct {
	region  Region
	id      string // Alibaba Cloud's own name, part of workspace hosts
	classic string // the host shared by all workspaces; "" = none
}

// From https://help.aliyun.com/en/model-studio/regions and the API reference:
// Frankfurt has workspace hosts only.
var sites = []site{
	{Beijing, "cn-beijing", "dashscope.aliyuncs.com"},
	{Singapore, "ap-southeast-1", "dashscope-intl.aliyuncs.com"},
	{Virginia, "us-east-1", "dashscope-us.aliyuncs.com"},
	{Frankfurt, "eu-central-1", ""},
}

// Regions returns all regions, the default first.
func Regions() []Region {
	all := make([]Region, len(sites))
	for i, s := range sites {
		all[i] = s.region
	}
	return all
}

func regionNames() []string {
	var names []string
	for _, at := range sites {
		names = append(names, string(at.region))
	}
	return names
}

// ParseRegion understands a region's name (beijing) and Alibaba Cloud's own id
// (cn-beijing), in any case; "" is Beijing.
func ParseRegion(s string) (Region, error) {
	at, err := findSite(s)
	return at.region, err
}

func findSite(name string) (site, error) {
	wanted := strings.ToLower(strings.TrimSpace(name))
	if wanted == "" {
		return sites[0], nil
	}
	for _, at := range sites {
		if wanted == string(at.region) || wanted == at.id {
			return at, nil
		}
	}
	return site{}, fmt.Errorf("region %s is not known: legal are %s", quote(name), joinAnd(regionNames()))
}

// A workspace id becomes part of a host name, so nothing else may be in it.
var workspaceID = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// BaseURL returns the address under which the region's API lies, ending in
// /api/v1: the workspace's own host, or without a workspace the classic one.
// Frankfurt has no classic host.
func (r Region) BaseURL(workspace string) (string, error) {
	at, err := findSite(string(r))
	if err != nil {
		return "", err
	}
	workspace = strings.TrimSpace(workspace)
	switch {
	case workspace != "" && !workspaceID.MatchString(workspace):
		return "", fmt.Errorf("workspace %s is not a workspace id: it has letters, digits and hyphens only", quote(workspace))
	case workspace != "":
		return "https://" + workspace + "." + at.id + ".maas.aliyuncs.com/api/v1", nil
	case at.classic == "":
		return "", fmt.Errorf("region %s has no shared host: set the workspace (--workspace or WAN_IMAGE_MCP_WORKSPACE) to the id of your workspace there", at.region)
	}
	return "https://" + at.classic + "/api/v1", nil
}

// Canonical gives the zero value and other names of a region their meaning; what
// is no region stays as it is.
func (r Region) Canonical() Region {
	if at, err := findSite(string(r)); err == nil {
		return at.region
	}
	return r
}
